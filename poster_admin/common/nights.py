"""Say when work that is done at night is due, and when the next time is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

DAY = timedelta(days=1)
RETRY = timedelta(minutes=5)
"""The longest pause until a night that could not be done is tried again."""


@dataclass(frozen=True, slots=True)
class Nights:
    """The nights of one kind of work: at an hour on the site's clock, or after a pause that is no whole days.

    `seconds` returns the time from one night to the next, 0 where there is none. The time of the next look is
    in the column `next_look_at` of the rows that are worked on.
    """

    seconds: Callable[[], float]
    hour: Callable[[], int]

    @property
    def pause(self) -> timedelta:
        return timedelta(seconds=self.seconds())

    @property
    def are_at_an_hour(self) -> bool:
        return not self.pause % DAY

    def due(self) -> Q:
        return Q(next_look_at__lte=timezone.now())

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

    def next_try(self) -> datetime:
        return timezone.now() + min(RETRY, self.pause)
