"""Do what is due: the rows of features whose time has come, each with the rights and the token of one user.

A feature brings a row, `groups.models.leases.Due`, and a function that does its work.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from groups.models import PosterCredentials
from groups.models.leases import PAUSES, Columns, Due, DueQuerySet, Lease
from groups.poster import NotAllowed, PosterError, TokenRejected
from groups.services.credentials import credentials_to_try
from groups.services.jobs.lease import stopping
from groups.services.writes.submissions import NotSent
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.jobs")


class DueRowHeld(StrEnum):
    """Why nobody can do the work; a feature may have further reasons, and has the words."""

    NO_USER = "no_user"
    TOKEN = "token"
    NO_RIGHT = "no_right"


class Hold(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Later(Exception):
    """The work cannot be done now and is tried again, later and later; the columns are stored with that."""

    def __init__(self, **columns: Any) -> None:
        super().__init__()
        self.columns = columns


class DueRowRefused(Later):
    """Poster refuses what the work needs, perhaps by mistake: it is held once that has lasted."""

    def __init__(self, reason: str = DueRowHeld.TOKEN, **columns: Any) -> None:
        super().__init__(**columns)
        self.reason = reason


class LeaseLost(Exception):
    """Another worker has the row, it was saved meanwhile, or this process has to end: nothing is stored."""


class Turn[Row: Due]:
    def __init__(self, row: Row, lease: Lease[Row], now: datetime) -> None:
        self.row = row
        self.lease = lease
        self.now = now

    @cached_property
    def credentials(self) -> PosterCredentials:
        """Refused ones count too: Poster may have been wrong. Raises `Hold`."""
        user_id, account = self.row.sender
        credentials = credentials_to_try(user_id, account)
        if isinstance(credentials, str):
            raise Hold(DueRowHeld(credentials))
        if not credentials.user.has_perms(self.row.needs):
            raise Hold(DueRowHeld.NO_RIGHT)
        return credentials

    def renew(self, **columns: Any) -> None:
        """Renew the lease, and store these columns under it. Raises `LeaseLost`."""
        renewal = self.lease.renewal(timezone.now() + self.row.lease_time())
        if stopping.is_set() or not self.lease.row.update(**renewal, **columns):
            raise LeaseLost


type Work[Row: Due] = Callable[[Turn[Row]], Columns]
"""Does the work of a row and returns the columns to store with its end, among them `next_at`."""


def run_due[Row: Due](rows: DueQuerySet[Row], work: Work[Row], now: datetime | None = None) -> list[Row]:
    """Do the work of those rows that are due, each under a lease, and return the rows that had a turn.

    A row whose work fails by an error of ours is left until its lease is over, and the others are not. Raises
    what `is_outage` says is one.
    """
    done = []
    for pk in list(rows.due(now or timezone.now()).values_list("pk", flat=True)):
        began = now or timezone.now()  # the rows before may have taken minutes
        # Without the conditions on other tables, which are checked below, under the lease.
        lease = type(rows)(rows.model).due(began).take(pk, rows.model.lease_time(), now=began)
        if lease is None:
            continue
        row = rows.filter(holder=lease.holder).first()
        if row is None:
            lease.release()
            continue
        done.append(row)
        try:
            columns = _columns_after(Turn(row, lease, began), work, now)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("The work of %s %s has failed", row._meta.label, pk)
        else:
            row.release(lease, **columns)
    return done


def _columns_after[Row: Due](turn: Turn[Row], work: Work[Row], now: datetime | None) -> Columns:
    row = turn.row
    end: Exception
    try:
        return {"tries": 0, "refused_at": None, **work(turn)}
    except LeaseLost:
        return {}
    except PermissionDenied:
        end = Hold(DueRowHeld.NO_RIGHT)
    except (TokenRejected, NotAllowed):
        end = DueRowRefused()
    except (Hold, Later, NotSent, PosterError) as error:
        end = error
    ended = now or timezone.now()
    if isinstance(end, NotSent):  # something of ours is in the way, not Poster
        columns: Columns = {"next_at": ended + min(PAUSES[0], row.longest_pause)}
    else:
        pause = min(PAUSES[min(row.tries, len(PAUSES) - 1)], row.longest_pause)
        columns = {"next_at": ended + pause, "tries": row.tries + 1}
        columns |= end.columns if isinstance(end, Later) else {}
    if isinstance(end, DueRowRefused):
        columns["refused_at"] = row.refused_at or ended
        if ended - columns["refused_at"] >= row.max_wait:
            end = Hold(end.reason)
    if isinstance(end, Hold):
        log.warning("The work of %s %s is held: %s", row._meta.label, row.pk, end.reason)
        return row.after_hold(end.reason, ended)
    log.info("The work of %s %s waits: %s", row._meta.label, row.pk, type(end).__name__)
    return columns
