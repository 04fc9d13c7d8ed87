"""Define leases: the right of one process to work on a row, until a time.

A process that is killed leaves its row to another one when that time is over. A process that is so slow that
another one has taken the row over stores nothing more: it stores its work through its lease alone.
"""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

# The columns of a row that nobody works on.
RELEASED: dict[str, Any] = {"holder": None, "held_until": None}


class Leased(models.Model):
    """A row on which one process works at a time: `holder` names its lease, which ends at `held_until`."""

    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class LeasedQuerySet[Row: Leased](models.QuerySet[Row]):
    """Rows on which one process works at a time."""

    def free(self, now: datetime | None = None) -> Self:
        return self.filter(_is_free(now))

    def take(
        self,
        pk: object,
        lasts: timedelta,
        *,
        now: datetime | None = None,
        holder: uuid.UUID | None = None,
        **values: Any,
    ) -> "Lease[Row] | None":
        """Take the lease of one of these rows with one update; return None if another process was sooner.

        `values` are further columns to store. A `holder` that has the lease already takes it again. The
        conditions of these rows are on their own columns: PostgreSQL does not check those of other tables
        again after it has waited for another process.
        """
        now, holder = now or timezone.now(), holder or uuid.uuid4()
        rows = self.filter(_is_free(now) | Q(holder=holder), pk=pk)
        taken = rows.update(holder=holder, held_until=now + lasts, **values)
        return Lease(self.model, pk, holder) if taken else None


class Lease[Row: Leased]:
    """The lease of one process on a row."""

    def __init__(self, model: type[Row], pk: object, holder: uuid.UUID | None = None) -> None:
        self.holder = holder or uuid.uuid4()
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
        """Release the row with these values, unless the lease is lost; return True if it was stored."""
        return bool(self.row.update(**RELEASED, **values))


def _is_free(now: datetime | None) -> Q:
    return Q(held_until=None) | Q(held_until__lte=now or timezone.now())
