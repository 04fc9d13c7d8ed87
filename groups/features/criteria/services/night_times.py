"""Say when the next night is: at an hour on the site's clock, or after a pause that is no whole days."""

from datetime import datetime, timedelta

from django.conf import settings

from poster_admin.common.nights import next_time_at


def pause() -> timedelta:
    """Return the time between two nights."""
    return timedelta(seconds=settings.CRITERIA_SECONDS)


def next_night(now: datetime, *, after_one: bool = False) -> datetime | None:
    """Return the next night; `after_one` is True right after a night. None if there is none at all."""
    if not settings.CRITERIA_SECONDS:
        return None
    return next_time_at(settings.CRITERIA_HOUR, now, pause(), after_one=after_one)
