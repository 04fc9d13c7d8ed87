"""Define how processes share work: leases of rows, rows whose work becomes due, heartbeats of the workers.

A process that is killed leaves its row to another one when its lease is over. One that is so slow that
another has taken the row over stores nothing more: it stores its work through its lease alone.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

DAY = timedelta(days=1)
# The columns of a row that nobody works on.
RELEASED: dict[str, Any] = {"holder": None, "held_until": None}


class Leased(models.Model):
    """A row on which one process works at a time: `holder` names its lease, which ends at `held_until`."""

    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class LeasedQuerySet[Row: Leased](models.QuerySet[Row]):
    def free(self, now: datetime | None = None) -> Self:
        return self.filter(Q(held_until=None) | Q(held_until__lte=now or timezone.now()))

    def take(
        self, pk: object, lasts: timedelta, *, now: datetime | None = None, **values: Any
    ) -> "Lease[Row] | None":
        """Take the lease of one of these rows with one update; return None if another process was sooner.

        `values` are further columns to store. The conditions of these rows are on their own columns:
        PostgreSQL does not check those of other tables again after it has waited for another process.
        """
        now, lease = now or timezone.now(), Lease(self.model, pk)
        free = self.free(now).filter(pk=pk)
        return lease if free.update(holder=lease.holder, held_until=now + lasts, **values) else None


class Lease[Row: Leased]:
    def __init__(self, model: type[Row], pk: object) -> None:
        self.holder = uuid.uuid4()
        self._model = model
        self._pk = pk
        self._since = time.monotonic()

    @property
    def row(self) -> "models.QuerySet[Row]":
        """The row, and no row once the lease is lost: all that its process stores goes through here."""
        return self._model._default_manager.filter(pk=self._pk, holder=self.holder)

    def is_held(self, *, within: timedelta) -> bool:
        """Return True if no other process has the row, and this one took or renewed it `within` this time."""
        is_new = time.monotonic() - self._since < within.total_seconds()
        return is_new and self.row.exists()

    def renewal(self, until: datetime) -> dict[str, Any]:
        """Return the columns that renew the lease, to be stored at once."""
        self._since = time.monotonic()
        return {"held_until": until}

    def release(self, **values: Any) -> bool:
        return bool(self.row.update(**RELEASED, **values))


# Pauses between two tries of work that cannot be done now, for as long as the last ones have failed.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600))
# The pause until it is asked again whether a user may do the work by now.
AGAIN = timedelta(minutes=30)

type Columns = dict[str, Any]


class DueQuerySet[Row: Due](LeasedQuerySet[Row]):
    def due(self, now: datetime | None = None) -> Self:
        now = now or timezone.now()
        return self.free(now).filter(next_at__lte=now)


class Due(Leased):
    """A row whose work is due at `next_at`, never while that is None.

    `tries` counts those that have failed since the last one that did not. Since `refused_at` Poster refuses
    the token, or what the work needs; once that has lasted for the `max_wait`, the row is held.
    """

    next_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    refused_at = models.DateTimeField(null=True)

    needs: ClassVar[tuple[str, ...]] = ()
    max_wait: ClassVar[timedelta] = timedelta(minutes=30)

    class Meta:
        abstract = True

    @classmethod
    def lease_time(cls) -> timedelta:
        return timedelta(minutes=2)

    @property
    def sender(self) -> tuple[int | None, str]:
        """The id of the user whose rights and token are used, and the name of the account."""
        raise NotImplementedError

    @property
    def longest_pause(self) -> timedelta:
        return PAUSES[-1]

    def after_hold(self, reason: str, now: datetime) -> Columns:
        """Return the columns to store where nobody can do the work: by default it is asked again later."""
        return {"next_at": now + min(AGAIN, self.longest_pause)}

    def release(self, lease: Lease[Self], **columns: Any) -> None:
        lease.release(**columns)


@dataclass(frozen=True, slots=True)
class Nights:
    """Nights at an hour on the site's clock, or after a pause that is no whole days; none at 0 `seconds`."""

    seconds: Callable[[], float]
    hour: Callable[[], int]

    @property
    def pause(self) -> timedelta:
        return timedelta(seconds=self.seconds())

    @property
    def are_at_an_hour(self) -> bool:
        return not self.pause % DAY

    def next(self, now: datetime, *, after_one: bool = False) -> datetime | None:
        """Return the next night, or None if there is none; `after_one` is True right after one."""
        if not self.pause:
            return None
        if not self.are_at_an_hour:
            return now + self.pause
        first = timezone.localtime(now)
        night = first.replace(hour=self.hour(), minute=0, second=0, microsecond=0, fold=0)
        if night <= first:
            night += DAY
        return night + (self.pause - DAY if after_one else timedelta())


SILENCE = timedelta(minutes=1)
"""Time after its last heartbeat for which a worker still counts as running."""
KEPT = timedelta(hours=1)


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    def alive(self) -> "WorkerHeartbeatQuerySet":
        return self.filter(seen_at__gt=timezone.now() - SILENCE)

    def beat(self, worker_id: str) -> bool:
        """Return True for a worker's first heartbeat, which deletes those of workers that ended long ago."""
        now = timezone.now()
        if self.filter(pk=worker_id).update(seen_at=now):
            return False
        self.filter(seen_at__lte=now - KEPT).delete()
        self.create(pk=worker_id, seen_at=now)
        return True


class WorkerHeartbeat(models.Model):
    worker_id = models.CharField(max_length=64, primary_key=True)
    seen_at = models.DateTimeField()

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.worker_id} {self.seen_at}"
