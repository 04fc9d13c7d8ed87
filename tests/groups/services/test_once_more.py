"""Test repeated requests of the list: session, rights and credentials are checked each time."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from poster_admin.users.models import UserSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(staff, browse):
    """Return the browser of a user who has just seen the list."""
    client = browse(staff)
    assert client.get("/groups/").status_code == 200
    return client


def session_of(staff):
    return UserSession.objects.filter(user=staff)


CHANGES = {
    "the session is ended": (302, lambda staff: session_of(staff).delete()),
    "the session is over": (302, lambda staff: session_of(staff).update(expire_date=timezone.now())),
    "the session was idle": (
        302,
        lambda staff: session_of(staff).update(seen_at=timezone.now() - timedelta(hours=4)),
    ),
    "the person is shut out": (302, lambda staff: type(staff).objects.update(is_active=False)),
    "the password is another one": (302, lambda staff: type(staff).objects.update(password="another")),
    "the role is taken": (403, lambda staff: staff.groups.clear()),
    "the right is taken from the role": (403, lambda staff: staff.groups.get().permissions.clear()),
    "the connection is gone": (302, lambda staff: PosterCredentials.objects.filter(user=staff).delete()),
}


def test_a_write_of_another_process_asks_poster(client, sandbox):
    calls = len(sandbox.calls("clients.getGroups"))
    PosterAccount.objects.update(writes=F("writes") + 1)
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == calls + 1


@pytest.fixture
def asking(settings, client, sandbox):
    """Return a browser for which nothing of Poster's is cached: each page makes a call."""
    settings.POSTER_CACHE_SECONDS = 0
    client.get("/groups/")
    return client


@pytest.mark.once  # a test above asks the database for the same
@pytest.mark.parametrize("what", CHANGES)
def test_poster_is_not_called_without_the_right_to_read(what, asking, sandbox, staff):
    status, change = CHANGES[what]
    change(staff)
    before = len(sandbox.calls())
    assert [asking.get("/groups/").status_code for _ in range(3)] == [status] * 3
    assert len(sandbox.calls()) == before


# --- Compression -------------------------------------------------------------------------------------------


def test_what_is_packed_has_no_certain_length(client):
    """Django pads the compressed response against BREACH."""
    pages = [client.get("/help/", headers={"Accept-Encoding": "gzip"}) for _ in range(20)]
    assert len({len(page.content) for page in pages}) > 5
