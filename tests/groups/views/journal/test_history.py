"""Test the history: outcomes, undo, and changes that a user has to settle."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import models
from django.utils import timezone
from django.utils.timezone import localtime

from groups.models import Change
from groups.poster.fields import MAX_ID
from groups.services.journal import history
from groups.services.writes.reconcile import reconcile_due
from tests.support.changes import EDIT, SEED, edit, let_a_worker_check, lose_an_edit
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


def test_a_row_says_who_changed_what_from_what_to_what(staff, browse):
    client = browse(staff, language="uk")
    edit(client, percent="12,5", name="Гості")
    change = Change.objects.get()
    page = client.get("/history/")
    html, text = page.content.decode(), text_of(page)
    assert f'data-change="{change.pk}"' in html
    assert 'data-group="1"' in html
    assert 'data-state="applied"' in html
    for words in ("staff", "Постоянный посетитель", "Гості", "12,5"):
        assert words in text
    assert str(change.pk) in client.get("/groups/1/").content.decode()


@pytest.mark.parametrize(("loyalty_type", "is_told"), [("1", True), ("2", False)])
def test_of_a_new_group_it_tells_the_birthday_bonus_only_where_it_has_one(
    staff, browse, loyalty_type, is_told
):
    client = browse(staff)
    client.post("/groups/new/", group_form(client, "/groups/new/", loyalty_type=loyalty_type))
    for page in ("/history/", f"/history/{Change.objects.get().pk}/"):
        assert ("Birthday bonus" in text_of(client.get(page))) == is_told


def test_on_paper_it_tells_of_which_account_it_is_and_who_printed_it_when(staff, browse):
    html = browse(staff).get("/history/").content.decode()
    line = re.search(r'<p class="print-only">(.*)</p>', html)[1]
    assert re.fullmatch(r"Poster account demo · .+ \d\d?:\d\d.* · staff", line)


def test_a_user_who_is_gone_is_still_named(staff, manager, browse):
    edit(browse(staff), percent="11")
    staff.delete()
    assert "staff" in text_of(browse(manager).get("/history/"))
    assert Change.objects.get().user is None


def test_it_is_readable_after_the_group_is_gone(owner, browse):
    client = browse(owner)
    edit(client, percent="11")
    remove(client, 1, SEED["name"])
    text = text_of(client.get("/history/"))
    assert text.count(SEED["name"]) >= 2


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


@pytest.mark.parametrize(
    ("text", "found"),
    [("м'ятні друзі", True), ("ДРУЗІ", True), ("myatni", True), ("друзи", True), ("гості", False)],
)
def test_a_name_is_found_in_any_spelling_as_in_the_list(staff, browse, text, found):
    change = Change.objects.create(
        account=staff.credentials.account, action="update", group_id=9, group_name="М’ятні Друзі"
    )
    client = browse(staff)
    for url in ("/history/", "/history/export.jsonl"):
        assert (str(change.pk) in client.get(url, {"group": text}).content.decode()) is found


def test_a_group_with_ten_digits_is_found_by_its_id(staff, browse):
    change = Change.objects.create(
        account=staff.credentials.account, action="update", group_id=MAX_ID, group_name="Гості"
    )
    client = browse(staff)
    assert f'data-change="{change.pk}"' in client.get(f"/history/?group={MAX_ID}").content.decode()
    assert client.get(f"/history/?group={MAX_ID + 1}").status_code == 200


def test_long_histories_come_in_pages(staff, browse):
    edit(browse(staff), percent="11")
    row = Change.objects.get()
    for number in range(60):
        Change(
            account=row.account, user=staff, user_name="staff", action="update", group_id=1,
            group_name="Гості", target=f"group:{number}", state=State.APPLIED, before=row.before,
            intended=row.intended, after=row.after,
        ).save()  # fmt: skip
    client = browse(staff)
    assert client.get("/history/").content.decode().count("data-change=") == 50
    assert client.get("/history/?page=2").content.decode().count("data-change=") == 11
    assert "more than" not in text_of(client.get("/history/"))


def test_of_a_very_long_history_only_so_much_is_counted(staff, browse, monkeypatch):
    monkeypatch.setattr("groups.services.journal.history.COUNTED", 2)
    monkeypatch.setattr("groups.views.journal.history.HISTORY_PAGE", 1)
    client = browse(staff)
    for percent in ("11", "12"):
        edit(client, percent=percent)
    assert "more than" not in text_of(client.get("/history/"))
    edit(client, percent="13")
    first, last = (text_of(client.get(f"/history/?page={number}")) for number in (1, 2))
    for page in (first, last):
        assert "more than 2 changes" in page
    assert "page 1 of 2" in first
    assert "fill in “To”" not in first
    assert "fill in “To”" in last


def test_a_fragment_is_the_rows_alone(staff, browse):
    assert (
        "<html" not in browse(staff).get("/history/", headers=fragment("rows", "/history/")).content.decode()
    )


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


def test_the_same_undo_twice_is_one_write(staff, browse, sandbox):
    client = browse(staff)
    edit(client, percent="12.5")
    url = f"/history/{Change.objects.get().pk}/undo/"
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 409
    assert len(sandbox.posts()) == 2


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


def test_a_removed_group_is_created_again_and_its_clients_do_not_come_back(owner, browse, sandbox):
    client = browse(owner)
    remove(client, 4, "Скидочная система 10%")
    change = Change.objects.get()
    assert "without its clients" in text_of(client.get("/history/"))
    answer = client.post(f"/history/{change.pk}/undo/")
    assert answer.status_code == 302
    assert "does not bring the clients of the removed group back" in text_of(client.get(answer["Location"]))
    (new_id,) = set(sandbox.accounts["demo"].groups) - {1, 5}
    group = sandbox.accounts["demo"].groups[new_id]
    assert (group["client_groups_name"], group["count_groups_clients"]) == ("Скидочная система 10%", "0")


RISKY = {
    "percent": ({"client_groups_discount": "45"}, {"percent": "10"}, "The percent rises from 10% to 45%."),
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


def test_an_undo_asks_about_a_name_that_another_group_has_now(staff, browse, sandbox):
    client = browse(staff)
    edit(client, name="Гості")
    sandbox.console("demo").edit(4, client_groups_name=SEED["name"])
    url = f"/history/{Change.objects.get().pk}/undo/"
    assert "no. 4, 43 clients. Give this one the same name?" in text_of(client.post(url))
    assert client.post(url, {"confirmed": "1"}).status_code == 302
    assert sandbox.accounts["demo"].groups[1]["client_groups_name"] == SEED["name"]


def test_a_removed_group_beside_which_there_is_another_of_its_name_is_asked_about(owner, browse, sandbox):
    client = browse(owner)
    remove(client, 4, "Скидочная система 10%")
    sandbox.console("demo").edit(5, client_groups_name="Скидочная система 10%")
    url = f"/history/{Change.objects.get().pk}/undo/"
    check = client.post(url)
    assert "no. 5, 42 clients. Create a second one?" in text_of(check)
    assert f'action="{url}"' in check.content.decode()
    assert client.post(url, {"confirmed": "1"}).status_code == 302
    assert len(sandbox.accounts["demo"].groups) == 3


def test_a_confirmed_undo_that_is_sent_twice_creates_one_group(owner, browse, sandbox):
    client = browse(owner)
    remove(client, 4, "Скидочная система 10%")
    sandbox.console("demo").edit(5, client_groups_name="Скидочная система 10%")
    url = f"/history/{Change.objects.get().pk}/undo/"
    form = hidden(client.post(url), "operation", "confirmed")
    assert [client.post(url, form).status_code for _ in range(2)] == [302, 302]
    assert len(sandbox.accounts["demo"].groups) == 3
    assert len(sandbox.posts("clients.createGroup")) == 1


def test_an_undo_is_followed_by_the_operation_that_its_form_names(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/4/edit/", group_form(client, "/groups/4/edit/", percent="11", loyalty_type="2"))
    change = Change.objects.get()
    named, url = str(uuid.uuid4()), f"/history/{change.pk}/undo/"
    assert [client.post(url, {"operation": named}).status_code for _ in range(2)] == [302, 302]
    undo = Change.objects.get(undo_of=change)
    assert (str(undo.pk), undo.state) == (named, "applied")
    assert client.get(f"/history/{named}/", headers=fragment("step")).status_code == 204
    # The operation of another form is not taken.
    assert client.post(url, {"operation": str(change.pk)}).status_code == 409
    assert len(sandbox.posts()) == 2


def test_what_was_not_applied_cannot_be_undone(staff, manager, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    assert client.post(f"/history/{change.pk}/undo/").status_code == 403
    assert browse(manager).post(f"/history/{change.pk}/undo/").status_code == 403


# --- Unknown outcomes --------------------------------------------------------------------------------------


def test_an_unknown_outcome_is_told_in_plain_words_until_a_worker_has_settled_it(staff, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox, applied=True)
    url = f"/history/{change.pk}/"
    page = client.get(url)
    assert page.status_code == 200
    assert 'data-outcome="unknown"' in page.content.decode()
    assert f'hx-get="{url}"' in page.content.decode()
    assert "may or may not be in force" in text_of(page)
    assert url in client.get("/groups/").content.decode()
    assert let_a_worker_check(change) == [change]
    settled = client.get(url, headers=fragment("outcome", url))
    assert 'data-outcome="applied"' in settled.content.decode()
    assert "hx-trigger" not in settled.content.decode()
    assert len(sandbox.posts()) == 1


def test_pages_leave_a_change_whose_check_is_due_to_a_worker(staff, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox, applied=True)
    Change.objects.settle(change, next_check_at=timezone.now())
    url = f"/history/{change.pk}/"
    sandbox.log.clear()
    assert 'data-state="unknown"' in client.get("/history/").content.decode()
    for headers in ({}, fragment("outcome", url)):
        assert 'data-outcome="unknown"' in client.get(url, headers=headers).content.decode()
    assert not sandbox.calls()
    assert reconcile_due() == [change]
    assert 'data-state="applied"' in client.get("/history/").content.decode()
    assert [call.method for call in sandbox.calls()] == ["clients.getGroup"]


@pytest.mark.parametrize(("waited", "pause"), [(0, 2), (42, 2), (132, 6), (3600, 30)])
def test_the_page_of_an_open_outcome_asks_ever_more_rarely(staff, browse, sandbox, waited, pause):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    models.QuerySet.update(
        Change.objects.filter(pk=change.pk), created_at=timezone.now() - timedelta(seconds=waited)
    )
    assert f'hx-trigger="load delay:{pause}s"' in client.get(f"/history/{change.pk}/").content.decode()


def test_it_is_not_sent_again_once_it_shows(staff, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox, applied=True)
    client.post(f"/history/{change.pk}/", {"decision": "again"})
    assert len(sandbox.posts()) == 1
    assert Change.objects.get().state == State.UNKNOWN


def test_what_no_program_can_tell_a_person_decides(staff, manager, browse, sandbox):
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


def test_what_a_person_called_made_is_not_undone_where_nobody_saw_the_values(staff, browse, sandbox):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    sandbox.console("demo").remove(1)
    let_a_worker_check(change)
    url = f"/history/{change.pk}/"
    assert 'data-outcome="unknown"' in client.get(url).content.decode()  # first of two reads
    let_a_worker_check(change)
    assert 'data-outcome="review"' in client.get(url).content.decode()
    client.post(url, {"decision": "applied"})
    assert f"{url}undo/" not in client.get("/history/").content.decode()
    assert client.post(f"{url}undo/").status_code == 403


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


@pytest.mark.parametrize("is_overwritten", [False, True])
def test_a_lost_edit_says_until_when_it_may_replace_what_is_saved_meanwhile(
    staff, manager, browse, sandbox, settings, is_overwritten
):
    client = browse(staff)
    change = lose_an_edit(client, sandbox)
    if is_overwritten:
        sandbox.console("demo").edit(1, client_groups_discount="12")
        let_a_worker_check(change)
        let_a_worker_check(change)
    url = f"/history/{change.pk}/"
    change.refresh_from_db()
    until = localtime(change.sent_at + timedelta(seconds=settings.POSTER_SETTLE_SECONDS))
    words = f"Until {until:%H:%M} the lost change may still arrive"
    assert words in text_of(client.get(url))
    assert "may still arrive" not in text_of(browse(manager).get(url))
    if not is_overwritten:
        # The group is free again, and the first one may still arrive.
        client.post(url, {"decision": "again"})
        change.refresh_from_db()
        assert change.reason == Change.Reason.SUPERSEDED
        assert words in text_of(client.get(url))
    settings.POSTER_SETTLE_SECONDS = 0
    assert "may still arrive" not in text_of(client.get(url))


def test_only_who_may_make_a_change_may_decide_it(staff, manager, browse, sandbox):
    change = lose_an_edit(browse(staff), sandbox)
    for decision in ("again", "applied", "failed"):
        answer = browse(manager).post(f"/history/{change.pk}/", {"decision": decision})
        assert answer.status_code == 403
    assert Change.objects.get().state == State.UNKNOWN


def test_an_unknown_change_is_not_found(staff, browse):
    assert browse(staff).get(f"/history/{uuid.uuid4()}/").status_code == 404


# --- A bonus in the wrong unit -----------------------------------------------------------------------------


@pytest.fixture
def kopecks(owner, staff, sandbox):
    for user in (owner, staff):
        link = user.credentials
        link.account = type(link.account).objects.get_or_create(name="kopecks")[0]
        link.set_token(sandbox.accounts["kopecks"].token)
        link.save()
    return next(iter(sandbox.accounts["kopecks"].groups))


def test_a_factor_of_100_is_named_blocks_bonuses_and_points_to_its_setting(
    owner, staff, browse, sandbox, kopecks
):
    client, url = browse(staff), f"/groups/{kopecks}/edit/"
    form = {"name": "Гості", "loyalty_type": "1", "percent": "10", "birthday_bonus": "70"}
    answer = client.post(url, group_form(client, url, **form))
    assert answer.status_code == 302
    page = client.get(answer["Location"])
    assert 'data-outcome="differs"' in page.content.decode()
    assert 'data-notice="differs"' in page.content.decode()
    assert "100" in text_of(page)
    blocked = client.post(url, group_form(client, url, **form | {"birthday_bonus": "90", "confirmed": "1"}))
    assert blocked.status_code == 422
    assert "account page" in text_of(blocked)
    assert client.post("/account/bonus-unit/", {"bonus_unit": "kopecks"}).status_code == 403
    boss = browse(owner)
    assert "kopecks" in boss.get("/account/").content.decode()
    assert boss.post("/account/bonus-unit/", {"bonus_unit": "kopecks"}).status_code == 302
    good = client.post(url, group_form(client, url, **form | {"birthday_bonus": "90", "confirmed": "1"}))
    assert good.status_code == 302
    assert sandbox.accounts["kopecks"].groups[kopecks]["birthday_bonus"] == "9000"


def test_only_a_filter_is_taken_away_by_show_all(staff, browse):
    client = browse(staff)
    assert "Show all" not in text_of(client.get("/history/?page=2"))
    for filtered in ("state=unknown", "job=7f4c1f0c-8a5e-4f38-9a50-0d2f3c1b6a55", "since=2026-11-01"):
        assert "Show all" in text_of(client.get(f"/history/?{filtered}"))


def test_those_who_changed_something_can_be_chosen_in_the_filter(staff, owner, browse, sandbox):
    for user, percent in ((staff, "11"), (owner, "12")):
        client = browse(user)
        client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", percent=percent))
    html = browse(staff).get("/history/?user=owner").content.decode()
    assert re.findall(r'<option value="([^"]*)"( selected)?>', html.partition("</select>")[0]) == [
        ("", ""),
        ("owner", " selected"),
        ("staff", ""),
    ]
    assert html.count("data-change=") == 1
    assert (
        '<option value="somebody" selected>' in browse(staff).get("/history/?user=somebody").content.decode()
    )


def test_in_the_filter_is_everybody_who_changed_a_group_of_this_account(staff, outsider):
    changes = (
        {"user_name": "olena"},
        {"user_name": "тарас", "action": "remove"},
        {"user_name": "olena", "state": State.REFUSED},
        {"user_name": "", "state": State.ELSEWHERE},
        {"user_name": "iryna", "action": "move", "client_id": 5},
        {"user_name": "bohdan", "action": "enrol"},
        {"user_name": "danylo", "account": outsider.credentials.account},
    )
    for number, values in enumerate(changes):
        row = {"account": staff.credentials.account, "action": "update", "target": f"group:{number}"}
        Change(**row | {"state": State.APPLIED} | values).save()
    assert history.people_of(staff.credentials) == {"olena", "тарас"}
