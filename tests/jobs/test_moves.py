"""Clients are moved: each exactly once, whatever happens on the way."""

import uuid

import pytest

from groups.models import Change, Job
from groups.services import accounts, jobs, moves, tasks
from groups.services.groups import read_now

State = Change.State
pytestmark = pytest.mark.django_db(transaction=True)


def plan(user, group_id=4, target_id=1, **options):
    connection = accounts.connection_of(user)
    group, target = (read_now(connection, each).group for each in (group_id, target_id))
    return moves.plan_move(
        user=user, connection=connection, operation=uuid.uuid4(), group=group, target=target, **options
    )


def done(job):
    """Do what a worker does with a job, and return the job as it is then."""
    tasks.run_job.func(str(job.pk))
    job.refresh_from_db()
    return job


def test_everybody_is_moved_once_and_in_the_journal(staff, sandbox):
    job = done(tasks.start(plan(staff)))
    assert (job.state, job.reason) == (Job.State.DONE, "")
    account = sandbox.accounts["demo"]
    assert account.clients.live(4) == 0
    assert len(sandbox.posts("clients.updateClient")) == 43
    assert jobs.progress_of(job) == jobs.Progress(total=43, done=43)
    rows = Change.objects.filter(job=job)
    assert {row.state for row in rows} == {State.APPLIED}
