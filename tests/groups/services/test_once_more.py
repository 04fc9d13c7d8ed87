"""Test repeated requests of the list: session, rights and credentials are checked each time."""

import gzip
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db.models import F
from django.utils import timezone

from groups.models import Change, PosterAccount, PosterCredentials
from groups.services import groups as reads
from poster_admin.users.models import UserSession
from tests.support.pages import group_form

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


@pytest.mark.parametrize("what", CHANGES)
def test_what_decides_is_looked_at_each_time(what, client, staff):
    status, change = CHANGES[what]
    change(staff)
    assert client.get("/groups/").status_code == status


def test_a_right_that_is_given_shows_at_once(manager, browse):
    client = browse(manager)
    assert "/groups/1/edit/" not in client.get("/groups/").content.decode()
    manager.user_permissions.add(
        Permission.objects.get(codename="change_group", content_type__app_label="groups")
    )
    assert "/groups/1/edit/" in client.get("/groups/").content.decode()


def test_another_token_asks_poster(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    PosterCredentials.objects.update(fingerprint="another")
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_a_write_of_another_process_asks_poster(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    PosterAccount.objects.update(writes=F("writes") + 1)
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_a_change_without_an_outcome_is_told_at_once(client, staff):
    account = staff.credentials.account
    Change(account=account, action="update", group_id=1, target="group:1", state="unknown").save()
    assert 'data-notice="unknown"' in client.get("/groups/").content.decode()


@pytest.mark.once  # no session of another database is found either
@pytest.mark.parametrize("key", ["0" * 32, "x' OR 1=1 --", "éé", ""])
def test_a_forged_session_gets_nothing(key, client, settings):
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get("/groups/").status_code == 302


def test_a_list_that_is_too_old_is_asked_for(client, sandbox, monkeypatch):
    asked = len(sandbox.calls("clients.getGroups"))
    later = timezone.now() + timedelta(seconds=31)
    monkeypatch.setattr(reads.timezone, "now", lambda: later)
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_who_asks_for_a_fresh_one_gets_it(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    for _ in range(4):
        client.get("/groups/?refresh=1")
    assert len(sandbox.calls("clients.getGroups")) == asked + 4


def test_a_message_is_known_once(client):
    said = "Nothing was changed"
    as_it_is = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50"}
    form = group_form(client, "/groups/1/edit/", **as_it_is)
    assert client.post("/groups/1/edit/", form).status_code == 302
    pages = [client.get("/groups/").content.decode() for _ in range(3)]
    assert [said in page for page in pages] == [True, False, False]


@pytest.fixture
def asking(settings, client, sandbox):
    """Return a browser for which nothing of Poster's is cached: each page makes a call."""
    settings.POSTER_CACHE_SECONDS = 0
    client.get("/groups/")
    return client


def test_what_poster_has_now_is_shown_and_asked_for_once(asking, sandbox):
    row, before = sandbox.accounts["demo"].groups[1], len(sandbox.calls("clients.getGroups"))
    for number in range(1, 4):
        sandbox.console("demo").put(row | {"client_groups_name": f"Number {number}"})
        page = asking.get("/groups/", headers={"Accept-Encoding": "gzip"})
        assert f"Number {number}" in gzip.decompress(page.content).decode()
        assert page.headers["Content-Length"] == str(len(page.content))
        assert len(sandbox.calls("clients.getGroups")) == before + number


@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_where_something_has_changed_poster_is_asked_once_all_the_same(path, asking, sandbox, staff):
    def asked():
        return [call for call in sandbox.calls() if call.method in {"clients.getGroups", "clients.getGroup"}]

    before = len(asked())
    Change(
        account=staff.credentials.account, action="update", group_id=7, target="group:7", state="unknown"
    ).save()
    page = asking.get(path)
    assert 'data-notice="unknown"' in page.content.decode()
    assert len(asked()) == before + 1


@pytest.mark.once  # a test above asks the database for the same
@pytest.mark.parametrize("what", CHANGES)
def test_nobody_asks_poster_who_may_no_longer_look(what, asking, sandbox, staff):
    status, change = CHANGES[what]
    change(staff)
    before = len(sandbox.calls())
    assert [asking.get("/groups/").status_code for _ in range(3)] == [status] * 3
    assert len(sandbox.calls()) == before


@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_every_look_tells_how_long_poster_took(path, asking):
    for _ in range(5):
        assert "poster;dur=" in asking.get(path).headers["Server-Timing"]


@pytest.mark.once  # the list and the group are Poster's
@pytest.mark.parametrize(("code", "status"), [(10, 424), (20, 424), (404, 404), (999, 502)])
@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_a_refusal_is_told_in_words_and_asked_for_once(path, code, status, asking, sandbox):
    before = len(sandbox.calls())
    for method in ("clients.getGroups", "clients.getGroup"):
        sandbox.script(method, "error_object", code=code)
    page = asking.get(path)
    assert page.status_code == status
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Server-Timing"]
    asked = [call.method for call in sandbox.calls()[before:]]
    assert len(asked) == len(set(asked))


def test_after_a_token_was_refused_nothing_of_the_account_is_shown(asking, sandbox):
    sandbox.script("clients.getGroup", "error_object", code=10)
    assert asking.get("/groups/1/").status_code == 424
    # Poster accepts the token again: credentials and page are as before.
    assert [asking.get("/groups/1/").status_code for _ in range(3)] == [200, 200, 200]
    assert PosterCredentials.objects.filter(refused_at=None).exists()


@pytest.mark.parametrize(("path", "method"), [("/groups/", "getGroups"), ("/groups/1/", "getGroup")])
def test_what_is_remembered_is_not_for_whose_token_was_refused(path, method, client, sandbox):
    sandbox.script(f"clients.{method}", "error_object", code=10, times=None)
    # A user who asks for a fresh list sees the change, and then nobody gets the old list.
    pages = [client.get(f"{path}?refresh=1"), client.get(path), client.get(path)]
    assert [page.status_code for page in pages] == [424] * 3
    sandbox.clear_faults()
    assert client.get(path).status_code == 200


def test_a_group_that_is_gone_is_not_shown_again(asking, sandbox):
    sandbox.console("demo").remove(1)
    gone = asking.get("/groups/1/")
    assert gone.status_code == 404
    assert gone.headers["X-Frame-Options"] == "DENY"


def test_another_language_is_spoken_at_once(client, settings):
    assert "Групи" not in client.get("/groups/").content.decode()
    client.post("/language/", {"language": "uk", "next": "/groups/"})
    for _ in range(5):
        page = client.get("/groups/")
        assert page.headers["Content-Language"] == "uk"
        assert '<html lang="uk"' in page.content.decode()


# --- Compression -------------------------------------------------------------------------------------------


@pytest.mark.once  # the database packs nothing
@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip", "gzip"), ("br, gzip", "gzip"), ("br", None), ("", None)]
)
def test_a_page_is_packed_for_browsers_that_take_it(client, accepted, encoding):
    page = client.get("/groups/", headers={"Accept-Encoding": accepted})
    assert page.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in page["Vary"]


def test_what_is_packed_has_no_certain_length(client):
    """Django pads the compressed response against BREACH."""
    pages = [client.get("/help/", headers={"Accept-Encoding": "gzip"}) for _ in range(20)]
    assert len({len(page.content) for page in pages}) > 5
