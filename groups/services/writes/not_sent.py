"""Errors that keep a write from being sent: after each of them nothing was sent.

`groups.services.writes.limit_check` has one more, for writes beyond the limits.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from groups.models import Change, Job, Lock, Schedule
from poster_admin.common.outages import Outage


class Busy(Exception):
    """Another change of this group or of its members is open."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


class Occupied(Exception):
    """A job moves clients out of this group or into it: no other job may, and the group cannot be removed."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class Planned(Exception):
    """A change of this group is planned, so the group cannot be removed."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule


class OperationReused(Exception):
    """The same `operation` came with other values."""


class NotRecorded(Exception):
    """The change could not be recorded in the journal."""


class NotRecordedNow(NotRecorded, Outage):
    """The dashboard's database or its disk is away; a job waits and tries again."""


class NotNow(Exception):
    """The action no longer fits the state of the change, the job, the planned change or the request."""


class BonusBlocked(Exception):
    """Birthday bonuses of this account are blocked, because one came back multiplied or divided by 100."""


@contextmanager
def taking_locks(row: Job | Schedule) -> Iterator[None]:
    """Commit the block, in which a job or a planned change takes its locks, or undo all of it.

    Raises `Busy`, `Occupied` or `Planned` if something else has one of them, `NotNow` if it had a moment ago.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        row.refresh_from_db()
        raise_if_locked(row.account_id, row.lock_keys, of=[row.pk])
        raise NotNow from None


def raise_if_locked(account_id: str, keys: Iterable[str], *, of: Iterable[uuid.UUID | None] = ()) -> None:
    """Raise `Busy`, `Occupied` or `Planned` if something holds one of these keys, but for the ids in `of`."""
    lock = Lock.objects.in_the_way(account_id, keys, of=of)
    if lock and lock.change:
        raise Busy(lock.change)
    if lock and lock.job:
        raise Occupied(lock.job)
    if lock and lock.schedule:
        raise Planned(lock.schedule)
