"""Test the undo of jobs: what was moved or changed goes back once, and what moved on since stays."""

import uuid

import pytest

from groups.models import Change, Job
from groups.models.contents import Line
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import bulk_edits, moves, queue, undo, undo_plan
from groups.services.jobs import lease as job_lease
from groups.services.writes.not_sent import NotNow, Occupied
from tests.groups.services.jobs.doing import FEW, die_before_sending, ended, run, start
from tests.threads import at_once

State = Change.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, UPDATE = "clients.updateClient", "clients.updateGroup"


@pytest.fixture(autouse=True)
def no_lag(settings):
    """Believe that Poster shows each write at once: otherwise a removal waits for the moves before it."""
    settings.POSTER_LAG_SECONDS = 0


def plan_undo(user, undone, change=None):
    credentials = credentials_service.credentials_of(user)
    return undo_plan.plan_undo(user=user, credentials=credentials, undone=undone, change=change)


def undone(user, job, change=None):
    """Undo a job, or one change of it, and return the ended job that has done so."""
    return run(queue.start(plan_undo(user, job, change)))


def choose(user, choice, target_id=1):
    credentials = credentials_service.credentials_of(user)
    groups = [read_now(credentials, each).group for each in sorted(set(choice.values()))]
    return moves.plan_choice(
        user=user,
        credentials=credentials,
        operation=uuid.uuid4(),
        groups=groups,
        target=read_now(credentials, target_id).group,
        choice=choice,
    )


def edit(user, lines, kind=Job.Kind.EDIT):
    credentials = credentials_service.credentials_of(user)
    job = bulk_edits.keep_plan(user=user, credentials=credentials, kind=kind, lines=lines, unchanged=0)
    queue.start_draft(job, user)
    return run(job)


def line(user, group_id, number=1, **new):
    group = read_now(credentials_service.credentials_of(user), group_id).group
    return Line(
        number=number,
        group_id=group_id,
        old=group.values,
        new=group.values.replace(**new),
        clients=group.clients,
    )


# --- Moves -------------------------------------------------------------------------------------------------


def test_everybody_goes_back_once_and_in_the_journal(staff, sandbox, people):
    here, there = people(4), people(1)
    job = run(start(staff))
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (here, there)
    assert job_lease.progress_of(back) == job_lease.Progress(total=FEW, done=FEW)
    rows = Change.objects.filter(job=back)
    assert {(row.state, row.action, row.client_id) for row in rows} == {
        ("applied", "move", client) for client in here
    }
    assert {row.undo_of_id for row in rows} == set(job.changes.values_list("pk", flat=True))
    assert len(sandbox.posts(MOVE)) == 2 * FEW


def test_clients_of_several_groups_go_back_to_where_each_came_from(staff, people):
    fourth, fifth = people(4), people(5)
    choice = dict.fromkeys(sorted(fourth)[:2], 4) | dict.fromkeys(sorted(fifth)[:3], 5)
    job = run(queue.start(choose(staff, choice)))
    assert people(1) >= set(choice)
    assert ended(undone(staff, job)) == (Job.State.DONE, "")
    assert (people(4), people(5)) == (fourth, fifth)


def test_those_who_have_moved_on_are_left_and_counted(staff, sandbox, people):
    here = people(4)
    job = run(start(staff))
    in_poster, by_job, and_back = sorted(here)[:3]
    sandbox.console("demo").edit_client(in_poster, client_groups_id="5")
    run(queue.start(choose(staff, {by_job: 1}, 5)))
    # Somebody has decided again that this client belongs there.
    run(queue.start(choose(staff, {and_back: 1}, 5)))
    run(queue.start(choose(staff, {and_back: 5}, 1)))
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert people(4) == here - {in_poster, by_job, and_back}
    assert {in_poster, by_job} <= people(5)
    assert and_back in people(1)
    assert job_lease.progress_of(back) == job_lease.Progress(total=FEW, done=FEW - 3, skipped=3)


def test_one_client_goes_back_and_the_undo_of_the_job_leaves_that_one(staff, people):
    here = people(4)
    job = run(start(staff))
    change = job.changes.get(client_id=min(here))
    one = undone(staff, job, change)
    assert (ended(one), one.total, people(4)) == ((Job.State.DONE, ""), 1, {min(here)})
    assert plan_undo(staff, job, change) == one
    rest = undone(staff, job)
    assert people(4) == here
    assert rest.changes.count() == FEW - 1
    assert job_lease.progress_of(rest).skipped == 1


def test_an_undo_can_be_undone(staff, people):
    here, there = people(4), people(1)
    back = undone(staff, run(start(staff)))
    again = undone(staff, back)
    assert ended(again) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (set(), here | there)


def test_the_same_undo_twice_is_one_job_whoever_asks(staff, owner, sandbox):
    job = run(start(staff))
    first = undone(staff, job)
    for user in (staff, owner):
        assert queue.start(plan_undo(user, job)) == first
    assert len(sandbox.posts(MOVE)) == 2 * FEW


def test_two_who_undo_at_once_make_one_job(staff, owner):
    job = run(start(staff))
    plans = [plan_undo(user, job) for user in (staff, owner)]
    started = at_once(*(lambda plan=plan: queue.start(plan) for plan in plans))
    assert len({each.pk for each in started}) == 1
    assert Job.objects.filter(kind=Job.Kind.UNDO).count() == 1


def test_a_cancelled_undo_gives_way_to_another_for_the_rest(staff, people, monkeypatch):
    here = people(4)
    job = run(start(staff))
    first = queue.start(plan_undo(staff, job))
    die_before_sending(monkeypatch, first, 3)
    queue.cancel(first, staff)
    assert people(4) < here
    run_open(first)
    second = undone(staff, job)
    assert second != first
    assert ended(second) == (Job.State.DONE, "")
    assert people(4) == here


def run_open(job):
    """Settle what a killed run has left, as a worker does."""
    from groups.services.writes.reconcile import reconcile_due

    reconcile_due()
    assert not job.changes.open().exists()


def test_a_killed_undo_goes_on_and_moves_nobody_twice(staff, sandbox, people, monkeypatch):
    here = people(4)
    job = run(start(staff))
    back = queue.start(plan_undo(staff, job))
    for number in (1, 3):
        die_before_sending(monkeypatch, back, number)
    assert ended(run(back)) == (Job.State.DONE, "")
    assert people(4) == here
    sent = [call.form["client_id"] for call in sandbox.posts(MOVE)][FEW:]
    assert sorted(map(int, sent)) == sorted(here)


def test_a_job_that_has_not_ended_is_not_undone(staff):
    job = start(staff)
    with pytest.raises(undo_plan.NothingToUndo if job.state in Job.ENDED else NotNow):
        plan_undo(staff, job)
    queue.cancel(job, staff)
    with pytest.raises(undo_plan.NothingToUndo):
        plan_undo(staff, job)


def test_an_undo_waits_for_another_job_of_the_group(staff):
    job = run(start(staff))
    planned = plan_undo(staff, job)
    start(staff, group_id=5, target_id=1)
    with pytest.raises(Occupied):
        queue.start(planned)


def test_a_first_move_that_changes_more_stops_the_undo(staff, sandbox):
    job = run(start(staff))
    sandbox.script(MOVE, "other_field", times=None)
    back = undone(staff, job)
    assert back.state == Job.State.STOPPED
    assert back.changes.count() == 1
