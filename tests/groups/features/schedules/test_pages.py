"""Test the pages of planned changes: the form, the list, the marks, and the cancelling."""

import re
import uuid

import pytest
from django.utils import timezone

from groups.features.schedules import services
from groups.features.schedules.models import Schedule
from groups.features.schedules.services import run_due_plans
from groups.models import Change, Job
from tests.support.pages import fragment, hidden, text_of
from tests.support.schedules import GROUP, HOUR, at, percent_of, planned

pytestmark = pytest.mark.django_db
URL = f"/groups/{GROUP}/schedule/"
FORMAT = "%Y-%m-%dT%H:%M"


def local(hours):
    return timezone.localtime(at(hours)).strftime(FORMAT)


def fields(**values):
    """Return what a script sends: the fields of the contract and nothing else."""
    times = {"starts_at": local(1), "ends_at": local(3)}
    return {"percent": "20", "operation": str(uuid.uuid4()), **times, **values}


def hooks(response):
    """Return the hooks of the planned changes on a page: id, group and state."""
    pattern = r'data-schedule="([^"]+)"\s+data-group="(\d+)"\s+data-state="(\w+)"'
    return re.findall(pattern, response.content.decode())


def notices(response):
    return re.findall(r'data-notice="(\w+)"', response.content.decode())


# --- The form ----------------------------------------------------------------------------------------------


def test_a_plan_is_made_by_its_form_and_shown_everywhere(staff, browse, sandbox):
    client = browse(staff)
    form = client.get(URL)
    assert "Tills take a new percent at their next synchronisation" in text_of(form)
    answer = client.post(URL, fields(**hidden(form, "version", "operation")))
    assert answer.status_code == 302
    assert answer["Location"] == f"/groups/{GROUP}/"
    schedule = Schedule.objects.get()
    assert (schedule.user, schedule.planned_values.percent) == (staff, 20)
    hook = (str(schedule.pk), str(GROUP), "planned")
    for url in (f"/groups/{GROUP}/", "/schedules/"):
        assert hooks(client.get(url)) == [hook]
    assert not sandbox.posts()


def test_on_paper_the_plans_show_which_account_they_are_and_who_printed_them_when(staff, browse):
    html = browse(staff).get("/schedules/").content.decode()
    line = re.search(r'<p class="print-only">(.*)</p>', html)[1]
    assert re.fullmatch(r"Poster account demo · .+ \d\d?:\d\d.* · staff", line)


def test_the_same_form_twice_is_one_plan_even_after_it_has_begun(staff, browse, sandbox):
    client, form = browse(staff), fields(starts_at=local(-1))
    assert client.post(URL, form).status_code == 302
    run_due_plans()
    assert percent_of(sandbox) == 20
    assert client.post(URL, form).status_code == 302
    assert client.post(URL, form | {"percent": "21"}).status_code == 409
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize("type_of_group", ["1", "7"])
def test_a_form_without_any_field_is_an_error_also_as_a_fragment(staff, browse, sandbox, type_of_group):
    sandbox.console().edit(GROUP, loyalty_type=type_of_group)
    assert browse(staff).post(URL).status_code == 422
    answer = browse(staff).post(URL, headers=fragment("form", URL))
    assert answer.status_code == 422
    assert "<html" not in answer.content.decode()


def test_a_group_that_was_changed_since_the_form_was_opened_is_a_conflict(staff, browse, sandbox):
    client = browse(staff)
    form = fields(**hidden(client.get(URL), "version", "operation"))
    sandbox.console().edit(GROUP, client_groups_discount="13")
    answer = client.post(URL, form)
    assert answer.status_code == 409
    assert "conflict" in notices(answer)
    assert client.post(URL, form | hidden(answer, "version", "operation")).status_code == 302
    assert Schedule.objects.get().base_values.percent == 13


def test_a_second_plan_of_the_group_is_refused(staff, owner, browse, sandbox):
    planned(staff)
    client = browse(owner)
    opened = client.get(URL)
    assert opened.status_code == 200
    assert '<form method="post"\n        action="/groups' not in opened.content.decode()
    answer = client.post(URL, fields())
    assert answer.status_code == 409
    assert "conflict" in notices(answer)
    assert Schedule.objects.count() == 1


def test_an_unknown_group_is_404_and_one_of_an_unknown_type_cannot_be_planned(staff, browse, sandbox):
    assert browse(staff).get("/groups/999999/schedule/").status_code == 404
    sandbox.console().edit(GROUP, loyalty_type="7")
    assert browse(staff).get(URL).status_code == 200
    assert browse(staff).post(URL, fields()).status_code == 422


# --- The list and the group --------------------------------------------------------------------------------


def test_the_list_says_until_when(staff, browse, sandbox):
    planned(staff)
    client = browse(staff, language="uk")
    assert "20 % з " in text_of(client.get("/groups/"))
    run_due_plans(at(1.5))
    assert "20 % до " in text_of(client.get("/groups/"))
    run_due_plans(at(4))
    assert "20 % до" not in text_of(client.get("/groups/"))


def test_a_manager_sees_the_plans_and_is_offered_nothing(staff, manager, browse, sandbox):
    empty = text_of(browse(manager).get("/schedules/"))
    assert "Nothing is planned" in empty
    assert "Open a group and plan" not in empty
    schedule = planned(staff)
    for url in ("/schedules/", f"/groups/{schedule.group_id}/"):
        page = browse(manager).get(url)
        assert len(hooks(page)) == 1
        assert "/cancel/" not in page.content.decode()


def test_another_account_does_not_touch_a_plan_by_its_operation(staff, outsider, browse, sandbox):
    schedule = planned(staff)
    client = browse(outsider)
    for group, status in ((1, 404), (2, 409)):
        answer = client.post(f"/groups/{group}/schedule/", fields(operation=str(schedule.pk)))
        assert answer.status_code == status
    schedule.refresh_from_db()
    assert schedule.state == "planned"


# --- Cancel ------------------------------------------------------------------------------------------------


def question_of(client, schedule):
    return client.get(f"/schedules/{schedule.pk}/cancel/")


def answer_to(client, question):
    """Press the button of a question."""
    return client.post(question.wsgi_request.path, hidden(question, "ending"))


def test_the_button_of_a_plan_asks_first_and_says_that_nothing_was_sent(staff, browse, sandbox):
    schedule = planned(staff)
    client, url = browse(staff), f"/schedules/{schedule.pk}/cancel/"
    for page in (f"/groups/{GROUP}/", "/schedules/"):
        html = client.get(page).content.decode()
        assert f'href="{url}"' in html
        assert f'action="{url}"' not in html
    question = question_of(client, schedule)
    text = text_of(question)
    assert "Cancel the planned change of “Скидочная система 10%”?" in text
    assert "Nothing was sent to Poster yet, and nothing will be." in text
    assert "The group keeps what it has now: 10%." in text
    schedule.refresh_from_db()
    assert (schedule.state, schedule.cancelled_at) == ("planned", None)
    assert answer_to(client, question).status_code == 302
    schedule.refresh_from_db()
    assert schedule.state == "cancelled"
    assert not sandbox.posts()


def test_the_question_about_one_in_force_says_what_the_group_has_and_what_it_gets_back(
    staff, browse, sandbox
):
    schedule = planned(staff)
    run_due_plans(at(1.5))
    client = browse(staff)
    question = question_of(client, schedule)
    text = text_of(question)
    for words in (
        "Return “Скидочная система 10%” to its old values now?",
        "The group has this now: 20%.",
        "It gets this back at once: 10%. That is sent with your rights and your token.",
        "It touches 43 clients of the group.",
        "On its own it would come back on",
    ):
        assert words in text
    assert percent_of(sandbox) == 20
    assert answer_to(client, question).status_code == 302
    assert percent_of(sandbox) == 10


def test_a_plan_that_began_after_the_question_is_not_taken_back_by_its_answer(staff, browse, sandbox):
    schedule = planned(staff)
    client = browse(staff)
    question = question_of(client, schedule)
    run_due_plans(at(1.5))
    sent = len(sandbox.posts())
    again = answer_to(client, question)
    assert again.status_code == 409
    assert "Nothing was done. Below is how it stands now." in text_of(again)
    assert "It gets this back at once: 10%." in text_of(again)
    schedule.refresh_from_db()
    assert (schedule.state, schedule.cancelled_at) == ("active", None)
    assert (percent_of(sandbox), len(sandbox.posts())) == (20, sent)
    assert answer_to(client, again).status_code == 302
    assert percent_of(sandbox) == 10


def test_a_button_that_is_pressed_twice_cancels_once_and_is_no_conflict(staff, browse, sandbox):
    schedule = planned(staff)
    client = browse(staff)
    question = question_of(client, schedule)
    assert [answer_to(client, question).status_code for _ in range(2)] == [302, 302]
    schedule.refresh_from_db()
    assert schedule.state == "cancelled"
    assert not sandbox.posts()


def test_a_plan_that_is_over_by_the_answer_is_reported_and_has_no_button(staff, browse, sandbox):
    schedule = planned(staff)
    run_due_plans(at(1.5))
    client = browse(staff)
    question = question_of(client, schedule)
    run_due_plans(at(4))
    again = answer_to(client, question)
    assert again.status_code == 409
    assert "Nothing is left to cancel for “Скидочная система 10%”" in text_of(again)
    assert 'name="ending"' not in again.content.decode()
    assert question_of(client, schedule).status_code == 200


def test_a_question_while_the_start_is_being_made_says_that_poster_may_have_it(
    staff, owner, browse, sandbox, monkeypatch
):
    """The page that was opened before says that nothing was sent: its answer does nothing then."""
    schedule = planned(staff)
    client, seen = browse(owner), []
    before = question_of(client, schedule)
    send = services.execute

    def asked_meanwhile(command):
        if not seen:
            seen.extend([answer_to(client, before), question_of(client, schedule)])
        return send(command)

    monkeypatch.setattr(services, "execute", asked_meanwhile)
    Schedule.objects.update(starts_at=timezone.now(), next_at=timezone.now())
    run_due_plans()
    refused, now = seen
    assert refused.status_code == 409
    assert "It is beginning at this moment: Poster may have the new values already." in text_of(now)
    assert hidden(now, "ending") == {"ending": "return"}
    schedule.refresh_from_db()
    assert (schedule.state, schedule.cancelled_at, percent_of(sandbox)) == ("active", None, 20)


def test_a_worker_that_is_sooner_than_the_answer_keeps_it_from_doing_anything(
    staff, browse, sandbox, monkeypatch
):
    schedule = planned(staff)
    client = browse(staff)
    question = question_of(client, schedule)
    ending_of = services.ending_of

    def begin_after_the_look(row):
        monkeypatch.setattr(services, "ending_of", ending_of)
        ending = ending_of(row)
        run_due_plans(at(1.5))
        return ending

    monkeypatch.setattr(services, "ending_of", begin_after_the_look)
    assert answer_to(client, question).status_code == 409
    schedule.refresh_from_db()
    assert (schedule.state, schedule.cancelled_at, percent_of(sandbox)) == ("active", None, 20)


def test_the_question_says_that_nothing_is_sent_over_values_that_were_not_planned(staff, browse, sandbox):
    schedule = planned(staff)
    run_due_plans(at(1.5))
    sandbox.console().edit(GROUP, client_groups_discount="13")
    client = browse(staff)
    sent = len(sandbox.posts())
    question = question_of(client, schedule)
    assert "The group has this now: 13%. These are not the values that were planned" in text_of(question)
    answer_to(client, question)
    schedule.refresh_from_db()
    assert (schedule.state, percent_of(sandbox), len(sandbox.posts())) == ("held", 13, sent)


def test_without_poster_the_question_says_what_it_does_not_know(staff, browse, sandbox):
    schedule = planned(staff)
    run_due_plans(at(1.5))
    sandbox.script("clients.getGroup", "status_500", times=None)
    question = question_of(browse(staff), schedule)
    assert question.status_code == 200
    assert "What the group has now is not known at the moment." in text_of(question)
    assert "It gets this back at once: 10%." in text_of(question)


def test_a_question_about_a_held_plan_says_that_it_is_only_put_aside(staff, browse, sandbox):
    schedule = planned(staff)
    sandbox.console().edit(GROUP, client_groups_discount="13")
    run_due_plans(at(2))
    client = browse(staff)
    assert "Nothing is sent until a person decides." in text_of(client.get(f"/groups/{GROUP}/"))
    question = question_of(client, schedule)
    assert "Put the change of “Скидочная система 10%” aside?" in text_of(question)
    assert "The group keeps what it has now: 13%." in text_of(question)
    assert answer_to(client, question).status_code == 302
    assert hooks(client.get(f"/groups/{GROUP}/")) == []
    assert not sandbox.posts()


def test_a_return_that_something_else_has_locked_meanwhile_names_it(staff, owner, browse, sandbox):
    schedule = planned(staff, ends=2 * HOUR)
    run_due_plans(at(1.5))
    staff.credentials.delete()
    run_due_plans(at(2.5))
    schedule.refresh_from_db()
    assert (schedule.state, schedule.can_be_returned) == ("held", True)
    client = browse(owner)
    question = question_of(client, schedule)
    planned(owner, starts=5 * HOUR, ends=None, percent="15")
    again = answer_to(client, question)
    assert again.status_code == 409
    assert "Nothing was done. A change of this group is planned. 15%" in text_of(again)
    schedule.refresh_from_db()
    assert schedule.state == "held"


def test_cancelling_while_a_worker_makes_the_return_says_that_it_is_made(staff, browse, sandbox, monkeypatch):
    schedule = planned(staff)
    run_due_plans(at(1.5))

    def a_worker_is_sooner(*_args):
        Schedule.objects.update(state="done", ended_at=timezone.now(), next_at=None)

    monkeypatch.setattr(services.due, "run_due", a_worker_is_sooner)
    answer = browse(staff).post(f"/schedules/{schedule.pk}/cancel/", follow=True)
    assert "the group has its old values again" in text_of(answer)


def test_cancelling_twice_is_once(staff, browse, sandbox):
    schedule = planned(staff)
    client = browse(staff)
    client.post(f"/schedules/{schedule.pk}/cancel/")
    again = client.post(f"/schedules/{schedule.pk}/cancel/", follow=True)
    assert "has moved on meanwhile" in text_of(again)
    assert hooks(again)[0][2] == "cancelled"


# --- The lock ----------------------------------------------------------------------------------------------


def test_the_removal_of_a_planned_group_is_409(owner, browse, sandbox):
    row = sandbox.accounts["demo"].groups[GROUP]
    number = 7
    sandbox.console().put(
        row | {"client_groups_id": "7", "client_groups_name": "Порожня", "count_groups_clients": "0"}
    )
    planned(owner, group_id=number)
    client = browse(owner)
    form = hidden(client.get(f"/groups/{number}/delete/"), "version", "operation")
    answer = client.post(f"/groups/{number}/delete/", form)
    assert answer.status_code == 409
    assert "A change of this group is planned" in text_of(answer)
    assert number in sandbox.accounts["demo"].groups
    assert not Change.objects.exists()


def test_the_retirement_of_a_planned_group_is_409_and_nobody_is_moved(owner, browse, sandbox):
    planned(owner)
    client = browse(owner)
    form = hidden(client.get(f"/groups/{GROUP}/retire/"), "clients", "version", "operation")
    answer = client.post(f"/groups/{GROUP}/retire/", form | {"target": "1"})
    assert answer.status_code == 409
    assert "A change of this group is planned" in text_of(answer)
    assert not Job.objects.exists()
    assert not sandbox.posts()


@pytest.mark.parametrize("path", ["delete", "retire"])
def test_who_wants_to_end_a_planned_group_reads_beforehand_what_holds_it_and_where_to_look(
    owner, browse, sandbox, path
):
    planned(owner)
    client, url = browse(owner), f"/groups/{GROUP}/{path}/"
    page = client.get(url)
    assert page.status_code == 200
    assert "A change of this group is planned. 20% instead of 10%" in text_of(page)
    html = page.content.decode()
    assert 'href="/schedules/"' in html[html.index("data-notice") :]
    assert f'action="{url}"' not in html
    assert f'href="/groups/{GROUP}/delete/"' not in html


def test_a_group_that_is_being_retired_takes_no_plan(owner, browse, sandbox):
    client = browse(owner)
    form = hidden(client.get(f"/groups/{GROUP}/retire/"), "clients", "version", "operation")
    assert client.post(f"/groups/{GROUP}/retire/", form | {"target": "1"}).status_code == 302
    answer = client.post(URL, fields())
    assert answer.status_code == 409
    assert not Schedule.objects.exists()


def test_clients_may_be_moved_into_a_planned_group(owner, browse, sandbox):
    planned(owner)
    client = browse(owner)
    form = hidden(client.get("/groups/1/clients/move/"), "clients", "version", "operation")
    assert client.post("/groups/1/clients/move/", form | {"target": str(GROUP)}).status_code == 302


# --- Several groups ----------------------------------------------------------------------------------------

SEVERAL = "/groups/schedule/"


def several(client, ids="1,4", **values):
    """Send the form for several groups, as it was opened on them."""
    form = client.get(f"{SEVERAL}?id={ids}")
    return client.post(SEVERAL, {**fields(**hidden(form, "operation", "id", "version")), **values})


def test_several_groups_get_a_plan_each_and_the_same_form_again_no_second_one(staff, browse):
    client = browse(staff)
    form = fields(**hidden(client.get(f"{SEVERAL}?id=1&id=4"), "operation", "id", "version"))
    form["starts_at"] = local(-1)
    for _time in range(2):
        assert client.post(SEVERAL, form)["Location"] == "/schedules/"
        run_due_plans()
    assert "Planned for 2 groups." in text_of(client.get("/schedules/"))
    plans = {plan.group_id: plan for plan in Schedule.objects.all()}
    assert sorted(plans) == [1, 4]
    assert {(plan.state, plan.planned_values.percent) for plan in plans.values()} == {("active", 20)}
    # The other values of the group stay.
    assert plans[1].planned_values.birthday_bonus == plans[1].base_values.birthday_bonus == 50


def test_a_group_that_cannot_be_planned_keeps_none_of_the_others_from_it(staff, browse):
    planned(staff)
    answer = several(browse(staff), "1,4,5", percent="20")
    assert answer.status_code == 409
    text = text_of(answer)
    assert "Planned for 1 group." in text
    assert "Скидочная система 10% : A change of this group is planned" in text
    assert "Скидочная система 20% : The group has these values already." in text
    assert sorted(Schedule.objects.values_list("group_id", flat=True)) == [1, 4]
    # The form goes on with those that are left.
    assert hidden(answer, "id") == {"id": "4,5"}


def test_a_group_that_was_changed_meanwhile_plans_nothing_until_its_values_were_shown(staff, browse, sandbox):
    client = browse(staff)
    form = fields(**hidden(client.get(f"{SEVERAL}?id=1&id=4"), "operation", "id", "version"))
    sandbox.console().edit(GROUP, client_groups_discount="13")
    answer = client.post(SEVERAL, form)
    assert (answer.status_code, Schedule.objects.exists()) == (409, False)
    assert "One of the groups was changed meanwhile" in text_of(answer)
    assert "now: 13%" in text_of(answer)
    assert f'value="{form["percent"]}"' in answer.content.decode()
    assert client.post(SEVERAL, {**form, **hidden(answer, "version")})["Location"] == "/schedules/"
    assert Schedule.objects.get(group_id=GROUP).base_values.percent == 13


def test_a_group_that_was_removed_meanwhile_plans_nothing_for_the_others(staff, browse, sandbox):
    client = browse(staff)
    form = fields(**hidden(client.get(f"{SEVERAL}?id=1&id=4"), "operation", "id", "version"))
    sandbox.console().remove(GROUP)
    answer = client.post(SEVERAL, form)
    assert (answer.status_code, Schedule.objects.exists()) == (422, False)
    assert "One of these groups is no longer there. Choose them again." in text_of(answer)


def test_one_of_several_is_the_page_of_that_group(staff, browse):
    client = browse(staff)
    assert client.get(f"{SEVERAL}?id=4")["Location"] == URL
    assert client.get(SEVERAL)["Location"] == client.get(f"{SEVERAL}?id=77,78")["Location"] == "/groups/"


def test_of_several_groups_the_one_beyond_the_limits_becomes_a_request(staff, browse, sandbox):
    from groups.features.approvals.models import ApprovalRequest, Limits

    sandbox.console().edit(5, client_groups_discount="25")
    Limits.objects.create(account_id="demo", max_rise=5)
    client = browse(staff)
    assert several(client, "4,5", percent="20")["Location"] == "/requests/"
    assert "Planned for 1 group. 1 group waits for an approval." in text_of(client.get("/requests/"))
    assert Schedule.objects.get(state=Schedule.State.PLANNED).group_id == 5
    assert ApprovalRequest.objects.get().group_id == 4


def test_who_may_go_beyond_the_limits_gives_the_reason_on_the_page_of_each_group(owner, browse):
    from groups.features.approvals.models import Limits

    Limits.objects.create(account_id="demo", max_percent=15)
    answer = several(browse(owner), reason="Свято")
    assert (answer.status_code, Schedule.objects.exists()) == (409, False)
    limit = "The percent would be 20%; the limit is 15%. Plan it on the page of the group"
    assert text_of(answer).count(limit) == 2
