"""Test the limits of an account, and the requests for writes beyond them, as people meet them."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.utils import timezone

from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.approvals.services import ask_for
from groups.features.bulk.services import EditPlan
from groups.features.schedules.models import Schedule
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job
from groups.services.events import events_since
from groups.services.installation import maintenance
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support.bulk import open_bulk_form
from tests.support.costs import cost_of, expected
from tests.support.pages import HTMX, fragment, group_form, hidden, open_form, text_of
from tests.support.people import make_user
from tests.support.schedules import GROUP, planned
from tests.support.snapshots import snapshot_of
from tests.support.spreadsheets import upload

pytestmark = pytest.mark.django_db
# Group 1 of the sandbox: 10%, birthday bonus 50.
EDIT = "/groups/1/edit/"


@pytest.fixture
def limits(db, sandbox, staff):
    def limits(**values):
        return Limits.objects.update_or_create(account_id="demo", defaults=values)[0]

    return limits


def send(client, url=EDIT, headers=None, **values):
    if url == EDIT:
        values = {"name": "Постоянный посетитель"} | values
    return client.post(url, group_form(client, url, **values), headers=headers)


def the_request():
    return ApprovalRequest.objects.get()


def state_of(response):
    return re.search(r'data-request="([0-9a-f-]+)" data-state="(\w+)"', response.content.decode()).groups()


@pytest.mark.parametrize(
    ("values", "url", "above"),
    [
        ({}, EDIT, []),
        ({"max_clients": 1000}, EDIT, []),
        ({"max_percent": 20}, EDIT, ["20"]),
        ({"max_percent": 20, "max_rise": 3}, EDIT, ["13"]),
        ({"max_percent": 5}, EDIT, ["10"]),  # the group has more already, and may keep it
        ({"max_percent": 20, "max_rise": 3}, "/groups/new/", ["3"]),
    ],
)
def test_a_form_says_before_it_is_sent_what_a_limit_will_do(staff, browse, limits, values, url, above):
    limits(**values)
    page = browse(staff).get(url)
    assert re.findall(r'data-above="([0-9.]+)"', page.content.decode()) == above
    assert ("an owner has to approve" in text_of(page)) == bool(above)


@pytest.mark.parametrize("most", [0, 5])
def test_a_form_of_a_group_with_too_many_clients_says_so_whatever_the_percent(staff, browse, limits, most):
    limits(max_clients=most, max_percent=20)
    page = browse(staff).get(EDIT)
    assert f"More than {most} clients: an owner has to approve other terms" in text_of(page)
    assert "data-above" not in page.content.decode()


def test_an_owner_reads_that_a_limit_needs_a_reason(owner, browse, limits):
    limits(max_percent=20)
    assert "Above 20% a reason is needed" in text_of(browse(owner).get(EDIT))


# --- Ask ---------------------------------------------------------------------------------------------------


def test_a_change_beyond_a_limit_becomes_a_request_and_nothing_is_sent(staff, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    answer = send(client, percent="25")
    approval = the_request()
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{approval.pk}/")
    assert not sandbox.posts()
    assert not Change.objects.exists()
    page = client.get(answer["Location"])
    assert state_of(page) == (str(approval.pk), "waiting")
    assert "The percent would be 25%; the limit is 20%." in text_of(page)
    assert "Nobody approves a request of their own." in text_of(page)
    # The table has what changes alone, so that the buttons are in sight.
    assert re.findall(r'<th scope="row">(.*?)</th>', page.content.decode()) == ["Percent"]


def test_an_approval_of_a_second_group_of_a_name_says_so_first(staff, owner, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    url = send(browse(staff), "/groups/new/", percent="25")["Location"]
    client = browse(owner)
    page = client.get(url)
    assert "A group with this name exists already" not in text_of(page)
    row = {"client_groups_name": "НОВА група", "loyalty_type": "1", "client_groups_discount": "5"}
    sandbox.console().put(row | {"birthday_bonus": "0", "count_groups_clients": "0"})
    answer = client.post(f"{url}approve/", hidden(page, "seen"))
    assert answer.status_code == 409
    assert "A group with this name exists already" in text_of(answer)
    assert not sandbox.posts()
    assert "In Poster now" not in text_of(answer)
    assert client.post(f"{url}approve/", hidden(answer, "seen")).status_code == 302
    assert [call.form["client_groups_discount"] for call in sandbox.posts()] == ["25"]


def test_the_same_form_sent_twice_is_one_request(staff, browse, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    form = group_form(client, EDIT, percent="25")
    assert client.post(EDIT, form)["Location"] == client.post(EDIT, form)["Location"]
    assert ApprovalRequest.objects.count() == 1
    assert client.post(EDIT, {**form, "percent": "30"}).status_code == 409


def test_clients_that_cannot_be_counted_leave_the_form_and_send_nothing(staff, browse, sandbox, limits):
    limits(max_clients=5)
    client = browse(staff)
    form = group_form(client, EDIT, percent="11")
    sandbox.script("clients.getClients", "status_500", times=None)
    answer = client.post(EDIT, form)
    assert answer.status_code == 502
    assert "would reach could not be counted" in text_of(answer)
    assert not sandbox.posts()


# --- Decide ------------------------------------------------------------------------------------------------


def ask(browse, staff, limits, url=EDIT, **values):
    limits(max_percent=Decimal(20))
    send(browse(staff), url, **(values or {"percent": "25"}))
    return f"/requests/{the_request().pk}/"


def test_only_who_may_approve_reads_that_it_stops_a_planned_change(staff, owner, browse, limits):
    planned(owner)
    url, words = ask(browse, staff, limits, f"/groups/{GROUP}/edit/"), "A change of this group is planned."
    assert words in text_of(browse(owner).get(url))
    assert words not in text_of(browse(staff).get(url))


def test_another_approves_with_their_own_token_and_the_history_names_both(
    staff, owner, browse, sandbox, limits
):
    url = ask(browse, staff, limits, percent="25", note="До свята")
    client = browse(owner)
    assert 'data-to-decide="1"' in client.get("/groups/").content.decode()
    assert "До свята" in text_of(client.get(url))
    sandbox.log.clear()
    answer = client.post(f"{url}approve/")
    assert (answer.status_code, answer["Location"]) == (302, url)
    assert len(sandbox.posts()) == 1
    change = Change.objects.get()
    assert (change.state, change.user, change.requested_by) == ("applied", owner, "staff")
    assert change.note == "До свята"
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "25"
    assert state_of(client.get(url))[1] == "approved"
    assert "owner, for staff" in text_of(client.get("/history/"))
    assert "owner, for staff" in text_of(client.get(f"/history/{change.pk}/"))
    assert "data-to-decide" not in client.get("/groups/").content.decode()


def test_the_requester_withdraws_it_and_nobody_is_notified_of_a_refusal(
    staff, owner, browse, sandbox, limits
):
    url = ask(browse, staff, limits)
    since = timezone.now()
    assert browse(owner).post(f"{url}withdraw/").status_code == 403
    client = browse(staff)
    assert client.post(f"{url}withdraw/")["Location"] == url
    page = client.get(url)
    assert state_of(page)[1] == "refused"
    assert "Withdrawn by staff on" in text_of(page)
    assert "moved on" in text_of(browse(owner).post(f"{url}approve/", follow=True))
    assert not list(events_since(the_request().account, since))
    assert not sandbox.posts()
    send(client, percent="25")
    assert ApprovalRequest.objects.filter(state="waiting").count() == 1


def test_a_group_and_its_form_lead_to_what_was_asked_for(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    other = make_user("other", role="Staff", account="demo", sandbox=sandbox)
    for page in ("/groups/1/", EDIT):
        answer = browse(owner).get(page)
        assert "A request about this group waits for approval. Asked by staff on" in text_of(answer)
        assert f'href="{url}"' in answer.content.decode()
        assert "waits for approval" not in text_of(browse(other).get(page))
    browse(staff).post(f"{url}withdraw/")
    assert "waits for approval" not in text_of(browse(owner).get("/groups/1/"))


def test_without_the_right_nobody_decides_or_sees_it(staff, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    other = make_user("other", role="Staff", account="demo", sandbox=sandbox)
    client = browse(other)
    assert client.post(f"{url}approve/").status_code == 403
    assert client.get(url).status_code == 404
    assert str(the_request().pk) not in client.get("/requests/").content.decode()


def test_a_refusal_has_a_reason_and_is_final(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    client = browse(owner)
    assert client.post(f"{url}refuse/", {"reason": " "}).status_code == 422
    assert client.post(f"{url}refuse/", {"reason": "Задорого"})["Location"] == url
    page = browse(staff).get(url)
    assert state_of(page)[1] == "refused"
    assert "Задорого" in text_of(page)
    assert "moved on" in text_of(client.post(f"{url}approve/", follow=True))
    assert not sandbox.posts()


def test_after_seven_days_it_has_lapsed(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    client = browse(owner)
    rows = ApprovalRequest.objects.all()
    rows.update(created_at=timezone.now() - timedelta(days=6, hours=23))
    assert state_of(client.get(url))[1] == "waiting"
    rows.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert state_of(client.get(url))[1] == "lapsed"
    assert "data-to-decide" not in client.get("/groups/").content.decode()
    client.post(f"{url}approve/")
    client.post(f"{url}refuse/", {"reason": "ні"})
    assert (the_request().state, sandbox.posts()) == ("waiting", [])


def test_a_group_that_changed_since_is_asked_about_again(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    row = sandbox.accounts["demo"].groups[1]
    sandbox.console("demo").put(row | {"client_groups_name": "Перейменована"})
    client = browse(owner)
    answer = client.post(f"{url}approve/")
    assert answer.status_code == 409
    assert not sandbox.posts()
    assert "Перейменована" in text_of(answer)
    assert the_request().state == "waiting"
    again = client.post(f"{url}approve/", hidden(answer, "seen"))
    assert again["Location"] == url
    now = sandbox.accounts["demo"].groups[1]
    assert (now["client_groups_name"], now["client_groups_discount"]) == ("Перейменована", "25")


# --- The right to go beyond them ---------------------------------------------------------------------------


def test_an_owner_passes_with_a_reason_that_is_in_the_history(owner, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    client = browse(owner)
    form = group_form(client, EDIT, percent="25")
    answer = client.post(EDIT, form)
    assert answer.status_code == 200
    assert "The percent would be 25%; the limit is 20%." in text_of(answer)
    assert client.post(EDIT, {**form, "confirmed": "1", "reason": " "}).status_code == 422
    assert not sandbox.posts()
    done = client.post(EDIT, {**form, "confirmed": "1", "reason": "Ювілей закладу"})
    assert done["Location"] == "/groups/1/"
    change = Change.objects.get()
    assert (change.state, change.limit_reason, change.requested_by) == ("applied", "Ювілей закладу", "")
    assert "Ювілей закладу" in text_of(client.get("/history/"))
    assert "Ювілей закладу" in text_of(client.get(f"/history/{change.pk}/"))


def test_owners_set_the_limits(owner, browse, limits):
    limits(max_percent=5)
    client = browse(owner)
    form = {"max_percent": "20,5", "max_rise": "", "max_birthday_bonus": "1 000", "max_clients": "150"}
    assert client.post("/account/limits/", form)["Location"] == "/account/limits/"
    (event,) = SecurityEvent.objects.filter(kind=EventKind.LIMITS_SET, user=owner)
    assert event.detail == "demo, max_percent: 5 → 20.5, max_birthday_bonus: – → 1000, max_clients: – → 150"
    kept = Limits.objects.get(account="demo")
    assert kept.values == {"max_percent": Decimal("20.5"), "max_birthday_bonus": 1000, "max_clients": 150}
    assert client.post("/account/limits/", {**form, "max_clients": "1.5"}).status_code == 422
    assert client.post("/account/limits/", {**form, "max_percent": "101"}).status_code == 422


def limits_form(page):
    """Return the fields of the form of the limits, those that say what it was opened with too."""
    tags = re.findall(r"<input[^>]*max_[^>]*>", page.text)
    attributes = [dict(re.findall(r'(name|value)="([^"]*)"', tag)) for tag in tags]
    return {each["name"]: each.get("value", "") for each in attributes}


def test_a_limit_that_another_owner_has_set_since_is_a_conflict(owner, browse, limits):
    limits(max_percent=Decimal(30))
    client = browse(owner)
    form = limits_form(client.get("/account/limits/")) | {"max_percent": "25", "max_rise": "10"}
    limits(max_percent=Decimal(20), max_clients=500, set_by="partner")
    answer = client.post("/account/limits/", form)
    assert answer.status_code == 409
    assert "partner has set other limits on" in text_of(answer)
    assert "Highest percent 20 " in text_of(answer)
    kept = Limits.objects.get(account="demo")
    assert (kept.max_percent, kept.max_rise, kept.max_clients, kept.set_by) == (20, None, 500, "partner")
    # Saved once more, the form replaces what was typed, and nothing else.
    again = limits_form(answer)
    assert (again["max_percent"], again["max_rise"], again["max_clients"]) == ("25", "10", "500")
    assert client.post("/account/limits/", again).status_code == 302
    kept = Limits.objects.get(account="demo")
    assert (kept.max_percent, kept.max_rise, kept.max_clients, kept.set_by) == (25, 10, 500, "owner")


# --- Other ways to write -----------------------------------------------------------------------------------


def a_row(client):
    headers = {**HTMX, "HX-Target": "row-1", "HX-Current-URL": "http://testserver/groups/"}
    return EDIT, group_form(client, EDIT, name="Постоянный посетитель", percent="25"), headers


def an_undo(client):
    Limits.objects.update(max_percent=None)
    for percent in ("25", "5"):
        send(client, percent=percent, confirmed="1")
    Limits.objects.update(max_percent=20)
    return f"/history/{Change.objects.first().pk}/undo/", {}, {}


def a_bulk_edit(client):
    client.post("/groups/edit/", open_bulk_form(client, p1="25"))
    job = Job.objects.get()
    return f"/groups/plan/{job.pk}/", {}, {}


def a_copy(client):
    url = "/groups/new/?like=1"
    return url, group_form(client, url, name="Копія", percent="25"), {}


def a_plan(client):
    url = "/groups/1/schedule/"
    day = timezone.localdate() + timedelta(7)
    times = {"starts_at": f"{day}T18:00", "ends_at": f"{day + timedelta(2)}T23:59"}
    return url, open_form(client, url, percent="25", **times), {}


def an_import(client):
    answer = upload(client, "Id;Percent\n1;25\n")
    return answer["Location"], {}, {}


def a_move(client, url="/groups/4/clients/move/"):
    Limits.objects.update(max_clients=10)
    return url, {**hidden(client.get(url), "clients", "version", "operation"), "target": "1"}, {}


def a_retirement(client):
    return a_move(client, "/groups/4/retire/")


WAYS = [a_row, an_undo, a_bulk_edit, a_copy, a_plan, an_import, a_move, a_retirement]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_to_write_leads_past_the_limits(staff, owner, browse, sandbox, limits, way):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    url, form, headers = way(client)
    sandbox.log.clear()
    answer = client.post(url, form, headers=headers)
    approval = the_request()
    assert answer.get("HX-Redirect") or answer["Location"] == f"/requests/{approval.pk}/"
    assert not sandbox.posts()
    deciding = browse(owner)
    page = deciding.get(f"/requests/{approval.pk}/")
    assert state_of(page) == (str(approval.pk), "waiting")
    assert ("cannot be brought back by Poster" in text_of(page)) is (way is a_retirement)
    assert deciding.post(f"/requests/{approval.pk}/approve/").status_code == 302
    assert state_of(deciding.get(f"/requests/{approval.pk}/"))[1] == "approved"
    # The form that was requested is not sent by its own user any more.
    sent = len(sandbox.posts())
    again = client.post(url, form, headers=headers)
    if way is an_undo:
        assert again.status_code == 409
        assert "This change has been undone already" in text_of(again)
    else:
        assert again.status_code == (200 if headers else 302)
        assert again.get("HX-Redirect") or again["Location"]
    assert len(sandbox.posts()) == sent <= 1
    assert the_request() == approval


def test_an_undo_that_is_pressed_on_two_pages_is_asked_for_once(staff, browse, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    url = an_undo(client)[0]
    first, second = (client.post(url, {"operation": str(uuid.uuid4())}) for _ in range(2))
    assert first["Location"] == second["Location"] == f"/requests/{the_request().pk}/"


@pytest.mark.parametrize("way", [a_row, a_move], ids=lambda way: way.__name__)
def test_who_has_no_right_to_the_write_may_refuse_it_and_is_not_named_among_those_who_approve(
    staff, owner, manager, browse, sandbox, limits, way
):
    limits(max_percent=Decimal(20))
    make_user("stranger", role="Owners", account="kavarnia", sandbox=sandbox)
    manager.user_permissions.add(Permission.objects.get(codename="exceed_limits"))
    asking, deciding = browse(staff), browse(manager)
    url, form, headers = way(asking)
    asking.post(url, form, headers=headers)
    page = f"/requests/{the_request().pk}/"
    for client in (asking, deciding):
        assert "It can be approved by: owner." in text_of(client.get(page))
    assert f"{page}approve/" not in deciding.get(page).text
    assert deciding.post(f"{page}approve/").status_code == 403
    assert deciding.post(f"{page}refuse/", {"reason": "ні"})["Location"] == page
    assert (the_request().state, sandbox.posts()) == ("refused", [])


def test_a_plan_whose_time_is_over_is_not_approved_and_the_page_says_why(
    staff, owner, browse, sandbox, limits
):
    limits(max_percent=Decimal(20))
    url, form, _headers = a_plan(client := browse(staff))
    client.post(url, form)
    approval = the_request()
    Schedule.objects.filter(request_id=approval.pk).update(ends_at=timezone.now())
    answer = browse(owner).post(f"/requests/{approval.pk}/approve/")
    assert answer.status_code == 409
    assert "The time of this change is over" in text_of(answer)
    assert state_of(answer) == (str(approval.pk), "waiting")
    assert Schedule.objects.get(request_id=approval.pk).state == Schedule.State.REQUESTED


def test_a_refused_request_hinders_nobody_from_asking_anew_or_from_passing(
    staff, owner, browse, sandbox, limits
):
    limits(max_percent=Decimal(20))
    client, deciding = browse(staff), browse(owner)
    url, form, _headers = an_undo(client)
    first = client.post(url, form)["Location"]
    assert client.post(url, form)["Location"] == first
    assert deciding.post(url, form).status_code == 200  # it asks the owner for a reason
    deciding.post(f"{first}refuse/", {"reason": "Задорого"})
    second = client.post(url, form)["Location"]
    assert second != first
    assert state_of(client.get(second))[1] == "waiting"
    assert deciding.post(url, {**form, "confirmed": "1", "reason": "Ювілей"}).status_code == 302
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "25"


@pytest.mark.parametrize("way", WAYS[1:], ids=lambda way: way.__name__)
def test_an_owner_gives_a_reason_on_every_way(owner, browse, limits, way):
    limits(max_percent=Decimal(20))
    client = browse(owner)
    url, form, _ = way(client)
    made = Change.objects.count()
    question = client.post(url, {**form, "note": "Свято"})
    assert question.status_code == 200
    assert 'name="reason" value="Свято"' in question.content.decode()
    assert client.post(url, {**form, "confirmed": "1", "reason": " "}).status_code == 422
    done = client.post(url, {**form, "confirmed": "1", "reason": "Ювілей"})
    assert done.status_code == 302
    assert not ApprovalRequest.objects.exists()
    rows = [
        *Change.objects.all()[: Change.objects.count() - made],
        *Schedule.objects.all(),
        *Job.objects.all(),
    ]
    assert [row.limit_reason for row in rows] == ["Ювілей"]


def test_a_restore_of_too_many_is_asked_for(staff, owner, browse, sandbox, limits):
    url = f"/history/snapshots/{snapshot_of(owner, 4).pk}/restore/"
    sandbox.console().remove(4)
    staff.user_permissions.add(Permission.objects.get(codename="view_snapshot"))
    limits(max_clients=10)
    client = browse(staff)
    form = hidden(client.get(url), "version", "operation")
    answer = client.post(url, form)
    approval = the_request()
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{approval.pk}/")
    assert not sandbox.posts()
    assert Job.objects.get().state == "requested"
    assert browse(owner).post(f"{answer['Location']}approve/").status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.state, job.user, job.requested_by) == ("restore", "waiting", owner, "staff")


def test_a_removal_takes_as_many_clients_as_its_reason_was_given_for(owner, browse, sandbox, limits):
    limits(max_clients=10)
    sandbox.console().put_client(4)
    sandbox.lag("count_behind")
    client, url = browse(owner), "/groups/4/delete/"
    form = open_form(client, url, confirm_name="Скидочная система 10%")
    shown = hidden(client.post(url, form), "reached")
    assert not Snapshot.objects.exists()
    assert client.post(url, {**form, **shown, "reason": "Зачиняємо"})["Location"] == "/groups/"
    assert Snapshot.objects.get().clients == int(shown["reached"])
    change = Change.objects.get()
    assert (change.clients_before, change.limit_reason) == (int(shown["reached"]) - 1, "Зачиняємо")


def test_a_lost_removal_that_is_sent_again_keeps_its_consent(owner, browse, sandbox, limits):
    limits(max_clients=10)
    sandbox.console().put_client(4)
    sandbox.lag("count_behind")
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    client, url = browse(owner), "/groups/4/delete/"
    form = open_form(client, url, confirm_name="Скидочная система 10%")
    shown = hidden(client.post(url, form), "reached")
    assert client.post(url, {**form, **shown, "reason": "Зачиняємо"}).status_code == 504
    change = Change.objects.get()
    assert client.post(f"/history/{change.pk}/", {"decision": "again"}).status_code == 302
    assert 4 not in sandbox.accounts["demo"].groups


def test_the_approver_reads_what_it_costs_and_the_history_keeps_it(staff, deputy, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    cost = expected(sandbox, 1, 25)
    assert cost_of(browse(deputy).get(url)) == cost
    assert cost_of(browse(staff).get(url)) is None
    assert browse(deputy).post(f"{url}approve/").status_code == 302
    change = Change.objects.get()
    assert f"{change.monthly_cost:.2f}" == cost[0]
    assert "will cost up to" in text_of(browse(deputy).get("/history/"))
    assert cost_of(browse(deputy).get(url)) is None


def test_many_requests_take_no_more_queries(staff, browse, sandbox, django_assert_num_queries):
    client = browse(staff)
    client.get("/requests/")
    # A page asks for the workers every 10 seconds, which would come into the count by chance.
    cache.set(maintenance.WORKER_ALIVE, True, timeout=None)
    for number in range(50):
        job = Job(account_id="demo", kind="edit", group_name=f"{number}", wanted=EditPlan().to_json())
        ask_for(job, staff, ())
    # Those of each page, as in tests/groups/views/test_queries.py; the count, and the rows with their jobs.
    with django_assert_num_queries(4 + 2):
        client.get("/requests/")


def test_a_row_beyond_a_limit_has_a_place_for_the_reason_and_says_what_its_button_does(staff, browse, limits):
    row = fragment("row-1", "/groups/")
    assert "Send for approval" not in browse(staff).get(EDIT, headers=row).content.decode()
    limits(max_percent=20)
    html = browse(staff).get(EDIT, headers=row).content.decode()
    assert 'name="note"' in html
    assert "Send for approval" in html


def test_a_group_of_the_list_that_waits_for_an_approval_has_a_mark(staff, browse, limits):
    limits(max_percent=20)
    client = browse(staff)
    assert "waits for approval" not in text_of(client.get("/groups/"))
    send(client, percent="25")
    assert "waits for approval" in text_of(client.get("/groups/"))
    ApprovalRequest.objects.update(state="refused", decided_at=timezone.now())
    assert "waits for approval" not in text_of(client.get("/groups/"))
