"""Test a group that a row of a feature holds that is switched off: it stays held, and pages say why."""

import uuid

import pytest

from groups.models import Change, Lock, PosterAccount
from groups.models.locks import future_key
from tests.support.features import with_feature
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db
EMPTY = 7
HELD = "The group is held by a feature that is switched off on this server: saved views."


@pytest.fixture
def held(owner, sandbox):
    """Hold the future of an empty group by a row that nobody can find any more."""
    row = sandbox.accounts["demo"].groups[4]
    name = {"client_groups_id": str(EMPTY), "client_groups_name": "Порожня", "count_groups_clients": "0"}
    sandbox.console().put(row | name)
    account = PosterAccount.objects.get(pk="demo")
    Lock.objects.take(account.pk, {future_key(EMPTY)}, feature="saved_views", row_id=uuid.uuid4())


@with_feature("moves")
@pytest.mark.usefixtures("held")
def test_the_page_says_so_and_offers_nothing_that_ends_the_group(owner, browse):
    client = browse(owner)
    page, free = (client.get(f"/groups/{group_id}/") for group_id in (EMPTY, 4))
    assert HELD in text_of(page)
    assert HELD not in text_of(free)
    for address in ("delete", "retire"):
        assert f"/groups/{EMPTY}/{address}/" not in page.content.decode()
        assert f"/groups/4/{address}/" in free.content.decode()
    assert f"/groups/{EMPTY}/edit/" in page.content.decode()


@with_feature("moves")
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("path", ["delete", "retire"])
def test_the_pages_that_end_it_say_so_before_anybody_asks_for_that(owner, browse, path):
    url = f"/groups/{EMPTY}/{path}/"
    page = browse(owner).get(url)
    assert page.status_code == 200
    assert HELD in text_of(page)
    assert f'action="{url}"' not in page.content.decode()


@pytest.mark.usefixtures("held")
def test_its_removal_is_409(owner, browse, sandbox):
    client = browse(owner)
    url = f"/groups/{EMPTY}/delete/"
    answer = client.post(url, hidden(client.get(url), "version", "operation"))
    assert answer.status_code == 409
    assert HELD in text_of(answer)
    assert EMPTY in sandbox.accounts["demo"].groups
    assert not Change.objects.exists()
