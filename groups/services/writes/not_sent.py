"""Errors that keep a write from being sent: after each of them nothing was sent.

A feature adds its own: `Held` for what its gate holds back, `NotSent` for anything else. A view catches
`NotSent`, and `groups.views.writes` answers.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db import IntegrityError, transaction

from groups.models import Holder, Lock
from poster_admin.common.outages import Outage


class NotSent(Exception):
    """Something keeps a write from being sent; nothing was sent."""


class Locked(NotSent):
    """Another change, a job or a row of a feature holds a lock that the write needs.

    `holder` is the row that holds it.
    """

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self.holder = holder


class Held(NotSent):
    """A gate holds the write back until a person decides."""


class OperationReused(NotSent):
    """The same `operation` came with other values."""


class NotRecorded(NotSent):
    """The change could not be recorded in the journal."""


class NotRecordedNow(NotRecorded, Outage):
    """The dashboard's database or its disk is away; a job waits and tries again."""


class BonusBlocked(NotSent):
    """Birthday bonuses of this account are blocked, because one came back multiplied or divided by 100."""


class NotNow(Exception):
    """The action no longer fits the state of the change, the job, or the row of a feature."""


class TakesLocks(Protocol):
    """A job or a row of a feature, which takes its locks as it is saved or some time after."""

    @property
    def pk(self) -> uuid.UUID: ...
    @property
    def account_id(self) -> str: ...
    @property
    def lock_keys(self) -> frozenset[str]: ...

    def save(self, *, force_insert: bool) -> None: ...
    def take_locks(self) -> None: ...
    def refresh_from_db(self) -> None: ...


@contextmanager
def taking_locks(row: TakesLocks) -> Iterator[None]:
    """Commit the block, in which a row takes its locks, or undo all of it.

    Raises `Locked` if something else has one of them, and `NotNow` if it had a moment ago.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        row.refresh_from_db()
        raise_if_locked(row.account_id, row.lock_keys, of=[row.pk])
        raise NotNow from None


def raise_if_locked(account_id: str, keys: Collection[str], *, of: Iterable[uuid.UUID | None] = ()) -> None:
    """Raise `Locked` if something holds one of these keys, but for the ids in `of`."""
    if lock := Lock.objects.in_the_way(account_id, keys, of=of):
        raise Locked(lock.holder)
