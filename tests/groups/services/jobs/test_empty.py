"""Test that a group counts as empty only if Poster lists no client in it: its counter may be late."""

import pytest

from groups.features.snapshots.models import Snapshot
from groups.models import Change
from tests.support.pages import hidden, open_form, text_of

State = Change.State
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("settled_at_once")]
URL, NAME = "/groups/5/delete/", "Скидочная система 20%"
MEMBERS = "clients.getClients"


@pytest.fixture
def counter(sandbox):
    """Put three clients into group 5, while its counter still says zero."""
    sandbox.console().edit(5, count_groups_clients="3")
    sandbox.lag("count_zero")
    return sandbox


def people(sandbox, group_id=5):
    return [row for row in sandbox.accounts["demo"].clients.rows(group_id) if row["delete"] == "0"]


def test_staff_do_not_remove_clients_that_the_counter_does_not_count(staff, browse, counter):
    client = browse(staff)
    page = client.get(URL)
    assert page.status_code == 200
    assert "all its 3 clients" in text_of(page)
    assert "Only an owner can remove a group with clients" in text_of(page)
    form = hidden(client.get("/groups/5/edit/"), "version", "operation")
    assert client.post(URL, form).status_code == 403
    assert not counter.posts()
    assert not Change.objects.exists()


def test_an_owner_types_the_name_and_what_was_there_is_kept(owner, browse, counter):
    client = browse(owner)
    assert "Remove group and 3 clients" in text_of(client.get(URL))
    assert client.post(URL, open_form(client, URL, confirm_name="")).status_code == 422
    assert not counter.posts()
    assert client.post(URL, open_form(client, URL, confirm_name=NAME)).status_code == 302
    change, snapshot = Change.objects.get(), Snapshot.objects.get()
    assert (change.state, change.clients_before) == (State.APPLIED, 3)
    assert (snapshot.pk, snapshot.clients) == (change.pk, 3)
    assert "was removed with 3 clients" in text_of(client.get("/groups/"))


def test_who_came_after_the_form_was_opened_is_not_removed(owner, staff, browse, sandbox):
    sandbox.console().edit(5, count_groups_clients="0")
    people_and_forms = [(browse(each), open_form(browse(each), URL)) for each in (staff, owner)]
    sandbox.console().edit(5, count_groups_clients="1")
    sandbox.lag("count_zero")
    answers = [client.post(URL, form).status_code for client, form in people_and_forms]
    assert answers == [403, 422]
    client, form = people_and_forms[1]
    # Its version still says that it has no clients.
    assert client.post(URL, form | {"confirm_name": NAME}).status_code == 409
    assert not sandbox.posts()
    assert len(people(sandbox)) == 1


def test_who_comes_between_the_page_and_the_write_is_not_removed(owner, browse, sandbox):
    client = browse(owner)
    sandbox.console().edit(5, count_groups_clients="0")
    form = open_form(client, URL)
    sandbox.lag("count_zero")
    # The first two reads of the POST belong to the page, the others precede the write.
    sandbox.script(MEMBERS, "busy_cashier", call=3, group=5)
    answer = client.post(URL, form)
    assert answer.status_code == 409
    assert "the number of its clients is no longer what you saw" in text_of(answer)
    change = Change.objects.get()
    assert (change.state, change.reason, change.before["clients"]) == (State.FAILED, "conflict", 1)
    assert not sandbox.posts()


def test_a_new_client_that_only_the_second_read_shows_is_not_removed(staff, browse, sandbox):
    sandbox.console().edit(5, count_groups_clients="0")
    client = browse(staff)
    form = open_form(client, URL)
    sandbox.lag("count_zero", "clients.getGroup")
    # An empty list is read twice for the page, and twice before the write.
    sandbox.script(MEMBERS, "busy_cashier", call=4, group=5)
    assert client.post(URL, form).status_code == 409
    change = Change.objects.get()
    assert (change.state, change.reason, change.before["clients"]) == (State.FAILED, "conflict", 1)
    assert not sandbox.posts()


def test_a_row_that_cannot_be_read_is_somebody_and_a_removed_one_is_nobody(staff, browse, sandbox):
    sandbox.console().edit(5, count_groups_clients="1")
    (row,) = people(sandbox)
    sandbox.lag("count_zero")
    client = browse(staff)
    sandbox.console().edit_client(int(row["client_id"]), bonus="?")
    assert "its 1 client" in text_of(client.get(URL))
    sandbox.console().edit_client(int(row["client_id"]), bonus="0", delete="1")
    assert client.post(URL, open_form(client, URL)).status_code == 302
    assert 5 not in sandbox.accounts["demo"].groups


@pytest.mark.parametrize(
    ("role", "fault", "status"), [("staff", "status_403", 424), ("owner", "top_null", 502)]
)
def test_nobody_removes_a_group_that_is_not_proven_to_be_empty(request, browse, sandbox, role, fault, status):
    client = browse(request.getfixturevalue(role))
    sandbox.console().edit(5, count_groups_clients="0")
    form = open_form(client, URL)
    sandbox.script(MEMBERS, fault, times=None)
    page = client.get(URL)
    assert page.status_code == status
    text = text_of(page)
    assert "It is not proven that the group is empty." in text
    assert "nobody loses anything" not in text
    assert '<button class="button danger"' not in page.content.decode()
    assert client.post(URL, form).status_code == status
    assert not sandbox.posts()
    assert 5 in sandbox.accounts["demo"].groups


@pytest.mark.parametrize("call", [3, 4])
def test_a_read_that_fails_before_the_write_stops_it(staff, browse, sandbox, call):
    sandbox.console().edit(5, count_groups_clients="0")
    client = browse(staff)
    form = open_form(client, URL)
    sandbox.script(MEMBERS, "top_null", call=call, times=None)
    assert client.post(URL, form).status_code == 502
    change = Change.objects.get()
    assert (change.state, change.reason) == (State.FAILED, "not_read")
    assert not sandbox.posts()


def test_a_lost_removal_is_not_sent_again_over_clients_that_the_counter_does_not_count(
    owner, browse, sandbox
):
    sandbox.console().edit(5, count_groups_clients="0")
    client = browse(owner)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    assert client.post(URL, open_form(client, URL)).status_code == 504
    lost = Change.objects.get()
    sandbox.console().edit(5, count_groups_clients="2")
    sandbox.lag("count_zero")
    posts = len(sandbox.posts())
    client.post(f"/history/{lost.pk}/", {"decision": "again"})
    # The page named no clients, so the removal is not sent over those who are there now.
    assert len(sandbox.posts()) == posts
    assert not Change.objects.filter(again_of=lost).exists()
