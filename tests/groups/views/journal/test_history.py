"""Test the history: outcomes, undo, and changes that a user has to settle."""

import re
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.timezone import localtime

from groups.models import Change
from tests.support.changes import BEFORE, EDIT, SEED, edit, let_a_worker_check, lose_an_edit, write_down
from tests.support.pages import fragment, group_form, hidden, open_form, text_of
from tests.support.people import make_user

pytestmark = pytest.mark.django_db
State = Change.State


@pytest.fixture
def deputy(sandbox):
    return make_user("deputy", role="Owners", account="demo", sandbox=sandbox)


def remove(client, group_id, name):
    url = f"/groups/{group_id}/delete/"
    return client.post(url, open_form(client, url, confirm_name=name))


def test_filters_find_by_person_action_group_outcome_and_date(staff, owner, browse, sandbox):
    edit(browse(staff), percent="11")
    remove(browse(owner), 4, "Скидочная система 10%")
    one, two = Change.objects.order_by("created_at")
    client = browse(owner)
    today = timezone.localdate()
    for query, found in (
        ("", {one, two}),
        ("user=staff", {one}),
        ("action=remove", {two}),
        ("group=4", {two}),
        ("group=посетитель", {one}),
        ("state=applied", {one, two}),
        ("state=failed", set()),
        (f"since={today}", {one, two}),
        (f"until={today - timedelta(days=1)}", set()),
        ("state=nonsense&since=never&action=x&page=99", {one, two}),
    ):
        html = client.get(f"/history/?{query}").content.decode()
        assert {change for change in (one, two) if f'data-change="{change.pk}"' in html} == found, query


# --- Undo --------------------------------------------------------------------------------------------------


def test_an_update_is_undone_as_a_new_verified_write(staff, browse, sandbox):
    client = browse(staff)
    edit(client, percent="12.5")
    change = Change.objects.get()
    url = f"/history/{change.pk}/undo/"
    assert url in client.get("/history/").content.decode()
    answer = client.post(url)
    assert (answer.status_code, answer["Location"]) == (302, "/groups/1/")
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    undone = Change.objects.get(undo_of=change)
    assert undone.state == State.APPLIED
    assert len(sandbox.posts()) == 2
    page = client.get("/history/")
    html = page.content.decode()
    assert url not in html
    assert f"/history/{undone.pk}/undo/" in html
    assert re.findall(r'data-change="(.+?)".*data-undone', html) == [str(change.pk)]
    assert f"undo of the change of {localtime(change.created_at):%H:%M}" in text_of(page)
    assert ">undone</span>" in client.get(f"/history/{change.pk}/").content.decode()


def test_an_undo_is_refused_with_the_difference_if_the_group_changed_since(staff, browse, sandbox):
    client = browse(staff)
    edit(client, percent="12.5")
    sandbox.console("demo").edit(1, client_groups_discount="14")
    answer = client.post(f"/history/{Change.objects.get().pk}/undo/")
    assert answer.status_code == 409
    assert {"12.5%", "14%", "10%"} <= set(text_of(answer).split())
    assert f'action="{EDIT}"' in answer.content.decode()
    assert len(sandbox.posts()) == 1


def test_an_overtaken_undo_says_by_which_change_when_and_by_which_user(staff, owner, browse, sandbox):
    client = browse(staff)
    edit(client, percent="12.5")
    first = Change.objects.get()
    edit(browse(owner), percent="14")
    answer = client.post(f"/history/{first.pk}/undo/")
    assert answer.status_code == 409
    page = text_of(answer)
    assert "owner changed this group on" in page
    assert "after the change that you undo" in page
    assert "After that change" in page
    assert "you opened" not in page.lower()
    assert f"/history/{Change.objects.get(user=owner).pk}/" in answer.content.decode()
    assert len(sandbox.posts()) == 2


def test_an_old_change_is_shown_before_it_is_undone(staff, browse, sandbox):
    client = browse(staff)
    edit(client, percent="12.5")
    made_at = timezone.now() - timedelta(days=40)
    QuerySet(Change).update(created_at=made_at, sent_at=made_at, settled_at=made_at)
    change = Change.objects.get()
    url = f"/history/{change.pk}/undo/"
    page = client.post(url)
    assert page.status_code == 200
    assert "Undo this change?" in text_of(page)
    assert "The change that you undo is of" in text_of(page)
    assert "It touches 125 clients" in text_of(page)
    assert {"12.5%", "10%"} <= set(text_of(page).split())
    assert len(sandbox.posts()) == 1
    values = hidden(
        page, "name", "loyalty_type", "percent", "birthday_bonus", "version", "operation", "confirmed"
    )
    assert client.post(url, values).status_code == 302
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"


def test_a_creation_that_others_stand_upon_is_shown_before_it_is_undone(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/new/", group_form(client, "/groups/new/"))
    made = Change.objects.get()
    edit(client, made.group_id, name="Нова група", percent="11")
    edit(client, made.group_id, name="Нова група", percent="10")
    url = f"/history/{made.pk}/undo/"
    page = client.post(url)
    assert page.status_code == 200
    assert "The group was changed again since, last on" in text_of(page)
    assert "percent 11% → 10%" in text_of(page)
    assert not sandbox.posts("clients.removeGroup")
    confirmed = client.post(url, hidden(page, "version", "operation", "confirmed"))
    assert confirmed.status_code == 302
    assert made.group_id not in sandbox.accounts["demo"].groups


def test_a_removal_that_somebody_has_undone_is_not_undone_again_by_another(owner, deputy, browse, sandbox):
    """The group that was created again has another name by now, so nothing else tells."""
    client = browse(owner)
    remove(client, 4, "Скидочная система 10%")
    url = f"/history/{Change.objects.get().pk}/undo/"
    assert client.post(url).status_code == 302
    groups = sandbox.accounts["demo"].groups
    sandbox.console("demo").edit(max(groups), client_groups_name="Інша")
    answer = browse(deputy).post(url)
    assert answer.status_code == 409
    assert "This change has been undone already" in text_of(answer)
    assert len(sandbox.posts("clients.createGroup")) == 1


RISKY = {
    "type": ({"loyalty_type": "2"}, {"loyalty_type": "1"}, "The type changes from “Bonus” to “Discount”"),
    "bonus": ({"birthday_bonus": "50000"}, {"birthday_bonus": "50"}, "ten times higher: 50.00 ₴ → 500.00 ₴"),
}


@pytest.mark.parametrize("risk", RISKY)
def test_an_undo_asks_where_the_form_would(staff, browse, sandbox, risk):
    was, edited, words = RISKY[risk]
    headers = fragment("form", "/history/") if risk == "type" else {}
    client = browse(staff)
    sandbox.console("demo").edit(1, **was)
    before = sandbox.accounts["demo"].snapshot()[1]
    assert edit(client, **edited, confirmed="1").status_code == 302
    change = Change.objects.get()
    url = f"/history/{change.pk}/undo/"
    check = client.post(url, headers=headers)
    assert check.status_code == 200
    text = text_of(check)
    assert "Undo this change?" in text
    assert words in text
    assert "125 clients" in text
    assert SEED["name"] in text
    assert f'action="{url}"' in check.content.decode()
    assert len(sandbox.posts()) == Change.objects.count() == 1
    form = hidden(check, "name", "loyalty_type", "percent", "birthday_bonus", "confirmed")
    answer = client.post(url, form)
    assert (answer.status_code, answer["Location"]) == (302, "/groups/1/")
    assert sandbox.accounts["demo"].snapshot()[1] == before


def test_a_confirmed_undo_that_is_sent_twice_creates_one_group(owner, browse, sandbox):
    client = browse(owner)
    remove(client, 4, "Скидочная система 10%")
    sandbox.console("demo").edit(5, client_groups_name="Скидочная система 10%")
    url = f"/history/{Change.objects.get().pk}/undo/"
    form = hidden(client.post(url), "operation", "confirmed")
    assert [client.post(url, form).status_code for _ in range(2)] == [302, 302]
    assert len(sandbox.accounts["demo"].groups) == 3
    assert len(sandbox.posts("clients.createGroup")) == 1


def test_what_was_not_applied_cannot_be_undone(staff, manager, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    assert client.post(f"/history/{change.pk}/undo/").status_code == 403
    assert browse(manager).post(f"/history/{change.pk}/undo/").status_code == 403


# --- Unknown outcomes --------------------------------------------------------------------------------------


def test_what_no_program_can_decide_a_person_does(staff, manager, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    sandbox.console("demo").edit(1, client_groups_discount="77")
    let_a_worker_check(change)
    url = f"/history/{change.pk}/"
    assert 'data-outcome="unknown"' in client.get(url).content.decode()  # first of two reads
    let_a_worker_check(change)
    page = client.get(url)
    assert 'data-outcome="review"' in page.content.decode()
    assert browse(manager).post(url, {"decision": "applied"}).status_code == 403
    assert client.post(url, {"decision": "failed"}).status_code == 302
    change.refresh_from_db()
    assert (change.state, change.resolved_by) == (State.FAILED, "staff")
    client.post(url, {"decision": "applied"})
    change.refresh_from_db()
    assert change.state == State.FAILED


def test_what_a_person_called_made_is_not_undone_over_the_values_of_somebody_else(staff, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    sandbox.console("demo").edit(1, client_groups_discount="12")
    let_a_worker_check(change)
    let_a_worker_check(change)
    url = f"/history/{change.pk}/"
    client.post(url, {"decision": "applied"})
    change.refresh_from_db()
    assert (change.state, change.after["percent"]) == (State.APPLIED, "12")
    assert f"{url}undo/" not in client.get("/history/").content.decode()
    assert client.post(f"{url}undo/").status_code == 403
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "12"


@pytest.mark.parametrize(
    ("state", "says_created"), [("applied", True), ("failed", False), ("unknown", False)]
)
def test_a_group_is_called_created_only_when_it_was(staff, browse, state, says_created):
    new = {"before": None, "action": "create", "group_id": None, "group_name": "Нова"}
    write_down(staff, **new, intended=BEFORE.to_json(), state=state)
    words = text_of(browse(staff).get("/history/"))
    row = words[words.index("Нова") :]
    assert "Bonus 10%" in row, row
    assert ("created:" in row) is says_created


@pytest.mark.parametrize(("state", "word"), [("applied", "removed"), ("failed", "removal")])
def test_a_group_is_called_removed_only_when_it_was(staff, browse, state, word):
    write_down(staff, before=BEFORE.to_json(), action="remove", group_id=4, intended=None, state=state)
    page = browse(staff).get("/history/").content.decode()
    assert re.findall(r'class="what">(\w+)', page) == [word]
