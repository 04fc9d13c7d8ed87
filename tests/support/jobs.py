"""Run jobs in this process, started as the pages do and run as a worker does."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.moves import services as moves
from groups.models import Change, Job, Lock
from groups.services import credentials as credentials_service
from groups.services import history
from groups.services.groups import read_now
from groups.services.jobs import executor, queue, undo
from groups.services.jobs.lease import JobLease
from groups.services.writes.commands import MoveClient
from groups.services.writes.outcome import Outcome
from tests.support.commands import before_the_read

FEW = 4
"""Number of clients in group 4 for these tests; its deleted one is counted nowhere."""


def leave_few(sandbox):
    """Leave few clients in group 4: a job makes four calls for each of them."""
    for account in ("demo", "kopecks"):
        sandbox.console(account).edit(4, count_groups_clients=str(FEW))
    return sandbox


def plan(user, group_id=4, target_id=1, client_ids=None, **options):
    credentials = credentials_service.credentials_of(user)
    group, target = (read_now(credentials, each).group for each in (group_id, target_id))
    operation = options.pop("operation", None) or uuid.uuid4()
    return moves.plan_move(
        credentials=credentials,
        operation=operation,
        sources=[group],
        target=target,
        ids={group_id: client_ids},
        **options,
    )


def plan_of_chosen(user, choice, target_id=1):
    """Return the move of clients, each from the group that `choice` has for it; it is not started."""
    credentials = credentials_service.credentials_of(user)
    group_ids = sorted({*choice.values()})
    return moves.plan_move(
        credentials=credentials,
        operation=uuid.uuid4(),
        sources=[read_now(credentials, each).group for each in group_ids],
        target=read_now(credentials, target_id).group,
        ids={each: [client for client, group in choice.items() if group == each] for each in group_ids},
    )


def start(user, **options):
    return queue.start(plan(user, **options))


def plan_undo(user, undone, change=None):
    """Return the job that undoes a job, or one change of it; it is not started."""
    credentials = credentials_service.credentials_of(user)
    return undo.plan_undo(undone, change, credentials)


def undone(user, job, change=None):
    """Undo a job, or one change of it, and return the ended job that has done so."""
    return run(queue.start(plan_undo(user, job, change)))


def run(job, *, waits=None):
    """Run a job as workers do, again each time that it has waited, and return it in its new state.

    After so many `waits` in a row its `max_wait` is over.
    """
    while run_once(job).next_try_at is not None and job.is_active:
        now = timezone.now()
        began = now - timedelta(days=1) if job.waits == waits else job.waiting_since
        Job.objects.filter(pk=job.pk).update(next_try_at=now, waiting_since=began)
    return job


def run_once(job):
    """Run a job as a worker does, until it ends or gives the worker back; return it in its new state."""
    queue.run_job(job.pk)
    job.refresh_from_db()
    return job


def at_each_wait(monkeypatch, then):
    """Call a function with the pause each time that a job gives its worker back."""
    put_off = JobLease.put_off

    def and_then(lease, reason, pause):
        then(pause)
        return put_off(lease, reason, pause)

    monkeypatch.setattr(JobLease, "put_off", and_then)


def ended(job):
    return job.state, job.reason


def die_before_sending(monkeypatch, job, number):
    """Run a job, and let its process die right after the row of its write of this number was saved."""
    left = [None] * (number - 1)

    def die(_command, _change):
        if not left:
            raise SystemExit
        left.pop()

    with monkeypatch.context() as patch:
        before_the_read(patch, die)
        with pytest.raises(SystemExit):
            queue.run_job(job.pk)


def die_after_the_first(monkeypatch, job, action=None):
    """Run a job, and let its process die after the first write, before it looks at that.

    With an `action` it is the first write of that kind.
    """

    submit_one_by_one = executor.submit_one_by_one

    def die(lease, commands, **options):
        for change in submit_one_by_one(lease, commands, **options):
            if action in (None, change.action):
                raise SystemExit
            yield change

    with monkeypatch.context() as patch:
        patch.setattr(executor, "submit_one_by_one", die)
        with pytest.raises(SystemExit):
            queue.run_job(job.pk)


def die_before_the_outcome(monkeypatch, job, action):
    """Run a job, and let its process die while the outcome of its first write of this kind is open."""

    def die(_lease):
        if Change.objects.open().filter(job=job, action=action).exists():
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(executor, "settle_open", die)
        with pytest.raises(SystemExit):
            queue.run_job(job.pk)
    assert Change.objects.open().filter(job=job).count() == 1


def count_open_at_each_send(monkeypatch, job):
    """Return a list that gets, before each write of the job, the number of its writes without an outcome."""
    submit_all, counts = executor.submit_all, []

    def count(lease, commands):
        counts.append(Change.objects.open().filter(job=job).count())
        return submit_all(lease, commands)

    monkeypatch.setattr(executor, "submit_all", count)
    return counts


def leave_the_first_to_a_person(monkeypatch, job, user, command=MoveClient):
    """Die after the first write of a command, which is left for review; the user says that it was made."""
    with monkeypatch.context() as patch:
        gone = Outcome(Change.State.REVIEW, Change.Reason.CLIENT_GONE, proven=True)
        patch.setattr(command, "determine_outcome", lambda *_: gone)
        die_after_the_first(monkeypatch, job, command.action)
    history.resolve(Change.objects.get(job=job, state=Change.State.REVIEW), "applied", user)


def lock_keys(**holder):
    return set(Lock.objects.filter(**holder).values_list("key", flat=True))
