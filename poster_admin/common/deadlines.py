"""Compare times stored in rows with the clock, and distrust times that a wrong clock has written.

A deadline further ahead than the longest possible one was set by a clock that ran fast. It counts as over:
otherwise its lock would be held until the real time catches up.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

SKEW = timedelta(minutes=1)
"""Largest difference allowed between the clocks of the machines that share a database."""
_NONE = timedelta()


def past(field: str, *, age: timedelta = _NONE, ahead: timedelta = _NONE, now: datetime | None = None) -> Q:
    """Return the condition for rows whose time in `field` is past, for at least `age`.

    `ahead` is how far in the future the time may lie at most.
    """
    now = now or timezone.now()
    return Q(**{f"{field}__lte": now - age}) | Q(**{f"{field}__gt": now + ahead + SKEW})


def recent(field: str, *, age: timedelta) -> Q:
    """Return the condition for rows whose time in `field` is past for less than `age`."""
    now = timezone.now()
    return Q(**{f"{field}__gt": now - age, f"{field}__lte": now + SKEW})


def is_past(moment: datetime, *, age: timedelta = _NONE, ahead: timedelta = _NONE) -> bool:
    """Return True if a time is past, by the same rule as `past`."""
    now = timezone.now()
    return moment <= now - age or is_ahead(moment - ahead)


def is_ahead(moment: datetime) -> bool:
    """Return True if a time lies so far in the future that only a wrong clock can have written it."""
    return moment > timezone.now() + SKEW
