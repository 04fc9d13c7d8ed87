"""Test the queue of jobs in the database: accounts take turns, and runs outlast outages."""

from datetime import timedelta

import pytest
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
    queue.run_due_jobs()
    assert [ended(job) for job in Job.objects.all()] == [(Job.State.DONE, "")] * 2


def test_a_process_that_has_to_end_begins_no_further_job(staff, sandbox):
    job = start(staff, group_id=4, target_id=1)
    job_lease.stopping.set()
    try:
        queue.run_due_jobs()
    finally:
        job_lease.stopping.clear()
    assert not sandbox.posts(MOVE)
    assert queue.next_due() == job


def test_a_job_after_its_turn_goes_after_one_of_another_account(staff, neighbour, sandbox, monkeypatch):
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


@pytest.mark.parametrize("error", [Outage(), ZeroDivisionError()])
def test_a_run_that_cannot_take_its_lease_leaves_the_job_to_another_one(staff, sandbox, monkeypatch, error):
    job = start(staff, group_id=4, target_id=1)

    def fail(_lease):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(job_lease.JobLease, "take", fail)
        with pytest.raises(type(error)):
            queue.run_job(job.pk)
    assert ended(run(job)) == (Job.State.DONE, "")
