"""Say when the next night is: at an hour on the site's clock, or after a pause that is no whole days."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

DAY = timedelta(days=1)


def pause() -> timedelta:
    """Return the time between two nights."""
    return timedelta(seconds=settings.CRITERIA_SECONDS)


def next_night(now: datetime, *, after_one: bool = False) -> datetime | None:
    """Return the next night: at CRITERIA_HOUR on the site's clock, if the pause is of whole days.

    `after_one` is True right after a night. None if there is none at all.
    """
    if not settings.CRITERIA_SECONDS:
        return None
    if pause() % DAY:
        return now + pause()
    first = timezone.localtime(now)
    night = first.replace(hour=settings.CRITERIA_HOUR, minute=0, second=0, microsecond=0, fold=0)
    if night <= first:
        night += DAY
    return night + (pause() - DAY if after_one else timedelta())
