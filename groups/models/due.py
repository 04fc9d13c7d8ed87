"""Define rows whose work becomes due: a worker does it at its time, with the token of a user.

`run_due` in `groups/services/due.py` does so. A row says how long its lease lasts, whose token it needs, and
what is stored of work that nobody can do.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone

from groups.models.leases import Lease, Leased, LeasedQuerySet

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
    the token, or what the work needs; once that has lasted for the `patience`, the row is held.
    """

    next_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    refused_at = models.DateTimeField(null=True)

    needs: ClassVar[tuple[str, ...]] = ()
    patience: ClassVar[timedelta] = timedelta(minutes=30)

    class Meta:
        abstract = True

    @classmethod
    def lease_time(cls) -> timedelta:
        """Return the time after which another worker takes the row over from one that was killed."""
        return timedelta(minutes=2)

    @property
    def sender(self) -> tuple[int | None, str]:
        """The id of the user whose rights and token are used, and the name of the account."""
        raise NotImplementedError

    @property
    def longest_pause(self) -> timedelta:
        return PAUSES[-1]

    def after_failure(self, now: datetime) -> Columns:
        pause = min(PAUSES[min(self.tries, len(PAUSES) - 1)], self.longest_pause)
        return {"next_at": now + pause, "tries": self.tries + 1}

    def after_hold(self, reason: str, now: datetime) -> Columns:
        """Return what is stored where nobody can do the work: here, that it is asked again later."""
        return {"next_at": now + min(AGAIN, self.longest_pause)}

    def leave(self, lease: Lease[Self], **columns: Any) -> None:
        """Store the end of a worker's turn and release the row, unless the lease is lost."""
        lease.release(**columns)
