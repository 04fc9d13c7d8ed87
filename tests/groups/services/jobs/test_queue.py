"""Test the queue of jobs in the database: it is pruned, accounts take turns, and runs outlast outages."""

import shlex
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.tasks import TaskResultStatus
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from groups.models import Change, Job, PosterAccount
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue
from groups.services.writes.not_sent import NotNow
from poster_admin.common.outages import Outage
from tests.support.environment import ROOT
from tests.support.jobs import ended, run, run_once
from tests.support.people import make_user
from tests.support.transfers import start

MOVE = "clients.updateClient"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "transfers"),
]


def nightly_commands():
    """Return the commands of the nightly unit, as arguments of `manage.py`."""
    unit = (ROOT / "deploy" / "poster-admin-nightly.service").read_text(encoding="utf-8")
    lines = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    return [shlex.split(line)[2:] for line in lines]


def test_each_night_finished_rows_go_and_jobs_and_their_changes_stay(staff, sandbox):
    job = run(start(staff, group_id=4, target_id=1))
    assert job.state == Job.State.DONE
    row = DBTaskResult.objects.get(pk=job.task_id)
    month_ago = timezone.now() - timedelta(days=30)
    DBTaskResult.objects.update(status=TaskResultStatus.SUCCESSFUL, finished_at=month_ago)
    waiting = start(staff, group_id=5, target_id=1)
    waiting.refresh_from_db()
    changes = Change.objects.count()
    for command in nightly_commands():
        call_command(*command)
    assert not DBTaskResult.objects.filter(pk=row.pk).exists()
    assert DBTaskResult.objects.filter(pk=waiting.task_id).exists()
    assert Job.objects.count() == 2
    assert Change.objects.count() == changes > 0
    assert queue.forget_finished() == 0


def test_only_the_job_whose_task_was_lost_comes_into_the_queue_again(staff, neighbour, sandbox):
    for user in (staff, neighbour):
        start(user, group_id=4, target_id=1)
    lost, queued = Job.objects.get(user=staff), Job.objects.get(user=neighbour)
    DBTaskResult.objects.filter(pk=lost.task_id).delete()
    assert queue.revive() == [lost]
    assert Job.objects.get(user=neighbour).task_id == queued.task_id
    assert DBTaskResult.objects.filter(pk=Job.objects.get(user=staff).task_id).exists()


@pytest.mark.parametrize("state", ["waiting", "running", "done", "cancelled"])
def test_a_job_that_has_moved_on_is_handed_over_to_nobody(staff, owner, sandbox, state):
    job = start(staff)
    Job.objects.update(state=state)
    tasks = DBTaskResult.objects.count()
    with pytest.raises(NotNow):
        queue.hand_over(job, owner)
    job = Job.objects.get()
    assert (job.state, job.user) == (state, staff)
    assert DBTaskResult.objects.count() == tasks


# --- Turns -------------------------------------------------------------------------------------------------


@pytest.fixture
def neighbour(sandbox):
    return make_user("neighbour", role="Staff", account="kopecks", sandbox=sandbox)


def test_the_account_that_has_waited_longest_is_next(staff, neighbour, sandbox):
    first = run(start(staff, group_id=4, target_id=1))
    second, other = start(staff, group_id=5, target_id=1), start(neighbour, group_id=4, target_id=1)
    task = Job.objects.get(pk=second.pk).task_id
    for job in (second, other):
        assert ended(run_once(job)) == (Job.State.WAITING if job == second else Job.State.DONE, "")
    assert second.task_id != task
    turns = PosterAccount.objects.in_bulk()
    assert first.started_at <= turns["demo"].job_turn_at < turns["kopecks"].job_turn_at
    assert queue.revive() == []  # the one that went behind is in the queue
    assert ended(run_once(second)) == (Job.State.DONE, "")


def test_nothing_goes_behind_a_job_whose_task_was_lost(staff, neighbour, sandbox):
    run(start(staff, group_id=4, target_id=1))
    second, other = start(staff, group_id=5, target_id=1), start(neighbour, group_id=4, target_id=1)
    Job.objects.filter(pk=other.pk).update(task_id="")
    assert ended(run_once(second)) == (Job.State.DONE, "")


def test_a_job_that_was_paused_meanwhile_does_not_go_behind_another_one(staff, neighbour, sandbox):
    run(start(staff, group_id=4, target_id=1))
    second = start(staff, group_id=5, target_id=1)
    start(neighbour, group_id=4, target_id=1)
    queue.pause(Job.objects.get(pk=second.pk), staff)
    tasks = DBTaskResult.objects.count()
    assert ended(run_once(second)) == (Job.State.PAUSED, "")
    assert DBTaskResult.objects.count() == tasks


def test_a_job_whose_turn_is_over_goes_behind_one_of_another_account(staff, neighbour, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    other = start(neighbour, group_id=4, target_id=1)
    with monkeypatch.context() as patch:
        patch.setattr(job_lease, "TURN", 0.0)
        run_once(job)
        assert (ended(job), job.waits, job.next_try_at) == ((Job.State.WAITING, ""), 0, None)
        assert not sandbox.posts(MOVE)
    for each in (other, job):
        assert ended(run_once(each)) == (Job.State.DONE, "")


def test_a_job_of_the_same_account_ends_no_turn(staff, sandbox, monkeypatch):
    monkeypatch.setattr(job_lease, "TURN", 0.0)
    job = start(staff, group_id=4, target_id=1)
    Job.objects.create(account=job.account, kind="edit", user=staff, wanted={"rows": []})
    assert ended(run_once(job)) == (Job.State.DONE, "")


def test_a_job_that_waits_is_neither_taken_nor_revived_before_its_time(staff, sandbox, settings):
    settings.JOB_RETRY_PAUSES = (600.0,)
    job = start(staff, group_id=4, target_id=1)
    sandbox.script("*", "status_503", times=None)
    waits = run_once(job)
    assert (ended(waits), waits.waits) == ((Job.State.WAITING, "unreachable"), 1)
    calls = len(sandbox.calls())
    assert queue.revive() == []
    assert run_once(job).waits == 1
    assert len(sandbox.calls()) == calls
    assert DBTaskResult.objects.get(pk=waits.task_id).run_after == waits.next_try_at
    sandbox.clear_faults()
    Job.objects.update(next_try_at=timezone.now())
    DBTaskResult.objects.all().delete()
    assert queue.revive() == [job]  # its task was lost
    assert ended(run_once(job)) == (Job.State.DONE, "")
    assert (job.waits, job.waiting_since) == (0, None)


# --- Outages of the database -------------------------------------------------------------------------------


class Stopping:
    """A process that is told to end in its so many-th pause; it notes the pauses."""

    def __init__(self, monkeypatch, after):
        self.pauses = []
        self.after = after
        monkeypatch.setattr(queue, "stopping", self)

    def wait(self, seconds):
        assert connection.connection is None  # a lost one would be lost in the next try too
        self.pauses.append(seconds)
        return len(self.pauses) == self.after


def let_runs_fail(monkeypatch, error, *, after=0.0):
    """Let each run of a job fail as it takes its lease, after so many seconds."""

    def fail(_lease):
        time.sleep(after)
        raise error

    monkeypatch.setattr(job_lease.JobLease, "take", fail)


def test_a_run_waits_for_the_database_longer_each_time_until_its_process_ends(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    delays = list(queue.RETRY_DELAYS)
    stopping = Stopping(monkeypatch, after=len(delays) + 1)
    let_runs_fail(monkeypatch, Outage())
    queue.run_job.func(str(job.pk))
    assert stopping.pauses == [*delays, delays[-1]] == sorted(stopping.pauses)


def test_a_run_that_went_well_for_long_waits_shortly_again(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    monkeypatch.setattr(queue, "RETRY_DELAYS", (0.01, 0.05))
    stopping = Stopping(monkeypatch, after=3)
    let_runs_fail(monkeypatch, Outage(), after=0.06)
    queue.run_job.func(str(job.pk))
    assert stopping.pauses == [0.01] * 3


def test_a_mistake_in_a_run_is_no_outage(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    stopping = Stopping(monkeypatch, after=1)
    let_runs_fail(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        queue.run_job.func(str(job.pk))
    assert not stopping.pauses
