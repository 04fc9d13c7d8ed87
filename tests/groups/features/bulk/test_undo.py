"""Test the undo of edits and imports: what was changed goes back once, and what changed since stays."""

import re
from decimal import Decimal

import pytest

from groups.features.approvals.models import Limits
from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, EditPlan, Import, PlanLine
from groups.models import Job
from groups.poster import GroupValues
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import queue, undo
from groups.services.jobs.kinds import JobProgress, progress_of
from tests.support.jobs import ended, plan_undo, run, undone
from tests.support.pages import text_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "without_lag"),
]


def edit(user, lines, kind=Edit):
    credentials = credentials_service.credentials_of(user)
    job = bulk.keep_plan(credentials, kind, EditPlan(tuple(lines)))
    queue.start_draft(job, user)
    return run(job)


def line(user, group_id, number=1, **new):
    group = read_now(credentials_service.credentials_of(user), group_id).group
    return PlanLine(
        number=number,
        group_id=group_id,
        old=group.values,
        new=group.values.replace(**new),
        clients=group.clients,
    )


def percent_of(sandbox, group_id):
    return sandbox.accounts["demo"].groups[group_id]["client_groups_discount"]


def test_all_groups_of_an_edit_get_their_values_back_but_for_those_changed_since(staff, sandbox):
    was = {group_id: percent_of(sandbox, group_id) for group_id in (1, 4, 5)}
    lines = [line(staff, group_id, group_id, percent=Decimal(15)) for group_id in was]
    job = edit(staff, lines)
    sandbox.console("demo").edit(4, client_groups_discount="16")
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert {group_id: percent_of(sandbox, group_id) for group_id in was} == was | {4: "16"}
    assert back.changes.get(group_id=4).reason == "conflict"
    assert progress_of(back) == JobProgress(total=3, done=2, failed=1)


def test_groups_of_an_import_are_removed_while_they_are_empty(owner, sandbox):
    names = ("Нова 1", "Нова 2", "Нова 3")
    values = [GroupValues(name=name, loyalty_type=1, percent=Decimal(5)) for name in names]
    lines = [PlanLine(number=number, new=each) for number, each in enumerate(values)]
    job = edit(owner, [*lines, line(owner, 1, 9, percent=Decimal(11))], Import)
    assert ended(job) == (Job.State.DONE, "")
    _empty, taken, renamed = job.changes.filter(action="create").values_list("group_id", flat=True)
    sandbox.console("demo").put_client(taken, firstname="Тест")
    sandbox.console("demo").edit(renamed, client_groups_name="Інша")
    back = undone(owner, job)
    assert ended(back) == (Job.State.DONE, "")
    assert set(sandbox.accounts["demo"].groups) == {1, 4, 5, taken, renamed}
    assert percent_of(sandbox, 1) == "10"
    reasons = dict(back.changes.filter(state="failed").values_list("group_id", "reason"))
    assert reasons == {taken: "has_clients", renamed: "conflict"}


def test_the_history_counts_all_groups_of_a_job_that_was_undone(staff, browse):
    job = edit(staff, [line(staff, group_id, group_id, percent=Decimal(15)) for group_id in (1, 4, 5)])
    back = undone(staff, job)
    page = browse(staff).get("/history/").content.decode()
    for each in (job, back):
        row = re.search(rf'(?s)<tr data-job="{each.pk}".*?</tr>', page)[0]
        assert "3 groups" in row


def test_a_new_group_is_reported_by_its_terms_and_without_a_bonus_of_zero(owner, browse):
    values = GroupValues(name="Нова", loyalty_type=1, percent=Decimal(5))
    job = edit(owner, [PlanLine(number=1, new=values), line(owner, 1, 9, percent=Decimal(11))], Import)
    client = browse(owner)
    for page in (f"/jobs/{job.pk}/", f"/history/?job={job.pk}"):
        words = text_of(client.get(page))
        assert "0.00" not in words, page
    words = text_of(client.get(f"/jobs/{job.pk}/"))
    assert "created: Bonus 5%" in words, words[words.index("Нова") - 100 :][:300]


def test_a_first_group_that_gets_other_values_stops_the_undo(staff, sandbox):
    job = edit(staff, [line(staff, group_id, group_id, percent=Decimal(15)) for group_id in (1, 4)])
    sandbox.script(
        "clients.getGroup", "busy_console", call=2, group=1, fields={"client_groups_discount": "33"}
    )
    back = undone(staff, job)
    assert (ended(back), back.detail) == ((Job.State.STOPPED, "differs"), "percent")
    assert back.changes.count() == 1
    queue.resume(back, staff, accepts=True)
    assert ended(run(back)) == (Job.State.DONE, "")


def test_the_clients_of_groups_that_get_other_terms_count(staff):
    job = edit(staff, [line(staff, 1, percent=Decimal(5)), line(staff, 4, 2, name="Інша назва")])
    credentials = credentials_service.credentials_of(staff)
    planned = plan_undo(staff, job)
    reach = undo.Undo(planned).reach(credentials)
    assert (reach.clients, reach.rise) == (125, Decimal(5))
    Limits.objects.create(account_id="demo", max_clients=200)
    made = run(queue.start(planned))
    assert undo.Undo(made).reach(credentials).clients == 125
