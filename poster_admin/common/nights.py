"""Say when the next night of work is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Nights:
    """The nights of one kind of work: at an hour on the site's clock, or after a pause that is no whole days.

    `seconds` returns the time from one night to the next, 0 where there is none.
    """

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
