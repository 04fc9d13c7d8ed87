"""Jobs as the pages start them, and as a worker does them, in this process."""

import uuid

import pytest

from groups.services import accounts, moves, tasks, writes
from groups.services.groups import read_now


def plan(user, group_id=4, target_id=1, **options):
    connection = accounts.connection_of(user)
    group, target = (read_now(connection, each).group for each in (group_id, target_id))
    operation = options.pop("operation", None) or uuid.uuid4()
    return moves.plan_move(
        user=user, connection=connection, operation=operation, group=group, target=target, **options
    )


def start(user, **options):
    return tasks.start(plan(user, **options))


def run(job):
    """Do what a worker does with a job, and return the job as it is then."""
    tasks.run_job.func(str(job.pk))
    job.refresh_from_db()
    return job


def ended(job):
    return job.state, job.reason


def die_before_sending(monkeypatch, job, number):
    """Run a job, and let its process die when the row of its write of this number is just written down."""
    seen, read_before = [], writes._read_before

    def die(order, change):
        seen.append(change)
        if len(seen) == number:
            raise SystemExit
        return read_before(order, change)

    with monkeypatch.context() as patch:
        patch.setattr(writes, "_read_before", die)
        with pytest.raises(SystemExit):
            tasks.run_job.func(str(job.pk))
