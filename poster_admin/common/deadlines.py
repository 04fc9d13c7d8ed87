"""Compare times of rows with the clock: the one that wrote them may have been wrong.

A deadline that lies further ahead than the longest it can be was set by a clock that was ahead. It counts as
over, or a lock would be held until the real time is there.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

SKEW = timedelta(minutes=1)
"""Clocks of the machines that share a database may differ by so much."""
_NONE = timedelta()


def past(field: str, *, age: timedelta = _NONE, ahead: timedelta = _NONE, now: datetime | None = None) -> Q:
    """Return the condition for rows whose time in `field` is past, for at least `age`.

    `ahead` is how far in the future it may lie at most.
    """
    now = now or timezone.now()
    return Q(**{f"{field}__lte": now - age}) | Q(**{f"{field}__gt": now + ahead + SKEW})


def recent(field: str, *, age: timedelta) -> Q:
    """Return the condition for rows whose time in `field` is past for less than `age`."""
    now = timezone.now()
    return Q(**{f"{field}__gt": now - age, f"{field}__lte": now + SKEW})


def is_past(moment: datetime, *, age: timedelta = _NONE, ahead: timedelta = _NONE) -> bool:
    """Return True if a time is past, as `past` has it."""
    now = timezone.now()
    return moment <= now - age or is_ahead(moment - ahead)


def is_ahead(moment: datetime) -> bool:
    """Return True if a time lies so far in the future that a wrong clock must have written it."""
    return moment > timezone.now() + SKEW
