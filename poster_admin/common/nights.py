"""Say when work that is done at night is due the next time."""

from datetime import datetime, timedelta

from django.utils import timezone

DAY = timedelta(days=1)


def next_time_at(hour: int, now: datetime, pause: timedelta, *, after_one: bool = False) -> datetime:
    """Return the next time at an hour on the site's clock, or after a pause that is no whole days.

    `after_one` is True right after one: the next one is a whole pause later.
    """
    if pause % DAY:
        return now + pause
    first = timezone.localtime(now)
    night = first.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if night <= first:
        night += DAY
    return night + (pause - DAY if after_one else timedelta())
