"""Test the queue of jobs in the database: accounts take turns, and runs outlast outages."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from groups.models import Job, PosterAccount
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue
from groups.services.writes.submissions import NotNow
from poster_admin.common.outages import Outage
from tests.support.jobs import ended, run, run_once
from tests.support.notices import saved_job
from tests.support.people import make_user
from tests.support.transfers import start

MOVE = "clients.updateClient"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "transfers"),
]


@pytest.mark.parametrize("state", ["waiting", "running", "done", "cancelled"])
def test_a_job_that_has_moved_on_is_handed_over_to_nobody(staff, owner, sandbox, state):
    job = start(staff)
    Job.objects.update(state=state)
    with pytest.raises(NotNow):
        queue.hand_over(job, owner)
    job = Job.objects.get()
    assert (job.state, job.user) == (state, staff)


# --- Turns -------------------------------------------------------------------------------------------------


@pytest.fixture
def neighbour(sandbox):
    return make_user("neighbour", role="Staff", account="kopecks", sandbox=sandbox)


def test_the_account_that_has_waited_longest_is_next(staff, neighbour, sandbox):
    first = run(start(staff, group_id=4, target_id=1))
    second, other = start(staff, group_id=5, target_id=1), start(neighbour, group_id=4, target_id=1)
    assert queue.next_due() == other
    assert ended(run_once(other)) == (Job.State.DONE, "")
    turns = PosterAccount.objects.in_bulk()
    assert first.started_at <= turns["demo"].job_turn_at < turns["kopecks"].job_turn_at
    assert queue.next_due() == second
    assert ended(run_once(second)) == (Job.State.DONE, "")
    assert queue.next_due() is None


def test_of_one_account_the_oldest_job_is_next(staff, sandbox):
    newer = saved_job(staff)
    older = saved_job(staff, created_at=newer.created_at - timedelta(seconds=1))
    assert queue.next_due() == older


def test_a_worker_runs_all_that_is_due(staff, neighbour, sandbox):
    for user in (staff, neighbour):
        start(user, group_id=4, target_id=1)
    queue.run_due()
    assert [ended(job) for job in Job.objects.all()] == [(Job.State.DONE, "")] * 2


def test_a_process_that_has_to_end_begins_no_further_job(staff, sandbox):
    job = start(staff, group_id=4, target_id=1)
    job_lease.stopping.set()
    try:
        queue.run_due()
    finally:
        job_lease.stopping.clear()
    assert not sandbox.posts(MOVE)
    assert queue.next_due() == job


def test_a_job_whose_turn_is_over_goes_behind_one_of_another_account(staff, neighbour, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    other = start(neighbour, group_id=4, target_id=1)
    with monkeypatch.context() as patch:
        patch.setattr(job_lease, "TURN", 0.0)
        run_once(job)
        assert (ended(job), job.waits, job.next_try_at) == ((Job.State.WAITING, ""), 0, None)
        assert not sandbox.posts(MOVE)
        assert queue.next_due() == other
    for each in (other, job):
        assert ended(run_once(each)) == (Job.State.DONE, "")


def test_a_job_that_waits_is_not_taken_before_its_time(staff, sandbox, settings):
    settings.JOB_RETRY_PAUSES = (600.0,)
    job = start(staff, group_id=4, target_id=1)
    sandbox.script("*", "status_503", times=None)
    waits = run_once(job)
    assert (ended(waits), waits.waits) == ((Job.State.WAITING, "unreachable"), 1)
    calls = len(sandbox.calls())
    assert queue.next_due() is None
    assert run_once(job).waits == 1
    assert len(sandbox.calls()) == calls
    sandbox.clear_faults()
    Job.objects.update(next_try_at=timezone.now())
    assert queue.next_due() == job
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
    """Let each run of a job fail as it takes its lease, as if after so many seconds."""
    seconds = [0.0]
    monkeypatch.setattr(queue, "time", SimpleNamespace(monotonic=lambda: seconds[0]))

    def fail(_lease):
        seconds[0] += after
        raise error

    monkeypatch.setattr(job_lease.JobLease, "take", fail)


def test_a_run_waits_for_the_database_longer_each_time_until_its_process_ends(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    delays = list(queue.RETRY_DELAYS)
    stopping = Stopping(monkeypatch, after=len(delays) + 1)
    let_runs_fail(monkeypatch, Outage())
    queue.run_job(job.pk)
    assert stopping.pauses == [*delays, delays[-1]] == sorted(stopping.pauses)


def test_a_run_that_went_well_for_long_waits_shortly_again(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    stopping = Stopping(monkeypatch, after=3)
    let_runs_fail(monkeypatch, Outage(), after=queue.RETRY_DELAYS[-1] + 1)
    queue.run_job(job.pk)
    assert stopping.pauses == [queue.RETRY_DELAYS[0]] * 3


def test_a_mistake_in_a_run_is_no_outage(staff, sandbox, monkeypatch):
    job = start(staff, group_id=4, target_id=1)
    stopping = Stopping(monkeypatch, after=1)
    let_runs_fail(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        queue.run_job(job.pk)
    assert not stopping.pauses
