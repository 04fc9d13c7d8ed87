"""Run jobs in this process, started as the pages do and run as a worker does."""

import uuid

import pytest

from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import moves, queue
from groups.services.writes import execute as write_path

FEW = 8
"""Number of clients in group 4 for these tests; its deleted one is counted nowhere."""


def plan(user, group_id=4, target_id=1, **options):
    credentials = credentials_service.credentials_of(user)
    group, target = (read_now(credentials, each).group for each in (group_id, target_id))
    operation = options.pop("operation", None) or uuid.uuid4()
    return moves.plan_move(
        user=user, credentials=credentials, operation=operation, group=group, target=target, **options
    )


def start(user, **options):
    return queue.start(plan(user, **options))


def run(job):
    """Run a job as a worker does, and return it in its new state."""
    queue.run_job.func(str(job.pk))
    job.refresh_from_db()
    return job


def ended(job):
    return job.state, job.reason


def die_before_sending(monkeypatch, job, number):
    """Run a job, and let its process die right after the row of its write of this number was saved."""
    seen, read_before = [], write_path._read_before

    def die(command, change):
        seen.append(change)
        if len(seen) == number:
            raise SystemExit
        return read_before(command, change)

    with monkeypatch.context() as patch:
        patch.setattr(write_path, "_read_before", die)
        with pytest.raises(SystemExit):
            queue.run_job.func(str(job.pk))
