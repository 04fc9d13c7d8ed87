"""Show a week of planned changes as a calendar."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from groups.features.schedules.models import Schedule
from groups.features.schedules.presenters.rows import values_words

State = Schedule.State
DAYS = 7
EARLIEST, LATEST = date(2000, 1, 3), date(2999, 12, 30)


class Week:
    """A week of the calendar, Monday to Sunday.

    Each row is a planned change, its values in words, and for each day from and until when these are in
    force: an empty text for all day, None if they are not.
    """

    def __init__(self, monday: date, schedules: Iterable[Schedule]) -> None:
        self.monday = monday
        self.previous, self.next = ((monday + timedelta(days)).isoformat() for days in (-DAYS, DAYS))
        days = [monday + timedelta(number) for number in range(DAYS)]
        rows = [(each, values_words(each), [_hours(each, day) for day in days]) for each in schedules]
        self.rows = [row for row in rows if any(hours is not None for hours in row[2])]

    @property
    def days(self) -> list[tuple[str, bool]]:
        """The days in words, each with whether it is today."""
        days = [self.monday + timedelta(number) for number in range(DAYS)]
        return [(date_format(day, "D j"), day == timezone.localdate()) for day in days]

    @property
    def title(self) -> str:
        sunday = self.monday + timedelta(DAYS - 1)
        words = {"first": date_format(self.monday), "last": date_format(sunday)}
        return _("%(first)s – %(last)s") % words


def asked_week(text: str) -> date:
    """Return the Monday of the asked day's week; an unreadable day is today."""
    try:
        day = min(max(date.fromisoformat(text), EARLIEST), LATEST)
    except ValueError:
        day = timezone.localdate()
    return day - timedelta(day.weekday())


def week_bounds(monday: date) -> tuple[datetime, datetime]:
    """Return the first moment of a week on the site's clock, and that of the next one."""
    return _midnight(monday), _midnight(monday + timedelta(DAYS))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone()).astimezone(UTC)


def _hours(schedule: Schedule, day: date) -> str | None:
    first, last = _midnight(day), _midnight(day + timedelta(1))
    # The planned values are in force between these times: the real ones where known. Without an end nothing
    # takes them back, or the return that is due has not been made.
    start, end = schedule.began_at or schedule.starts_at, schedule.ended_at or schedule.ends_at
    is_late = schedule.state == State.ACTIVE and end is not None and end <= timezone.now()
    if is_late or schedule.can_be_returned or not schedule.returns:
        end = None
    if start >= last or (end is not None and end <= first):
        return None
    begins, ends = start >= first, end is not None and end <= last
    words = [date_format(timezone.localtime(start), "TIME_FORMAT") if begins else ""]
    words += [date_format(timezone.localtime(end), "TIME_FORMAT") if ends and end else ""]
    return "–".join(words) if any(words) else ""
