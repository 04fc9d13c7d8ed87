"""Show planned changes: as a mark in a row, as rows of their page, and as a calendar of a week."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from groups.models import PosterCredentials, Schedule
from groups.poster import Group, GroupValues
from groups.presenters.changes.change_words import names_words
from groups.presenters.holders import HolderNotice, holder_notice
from groups.presenters.messages import Message
from groups.services.groups import Groups, list_groups
from groups.services.journal import history
from groups.services.schedules import RIGHT, groups_of, is_overtaken, open_schedules
from groups.services.values import difference_words, money_words, percent_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = Schedule.State
DAYS = 7
# Closer than this a time is told by the day of its week alone.
NEAR = timedelta(days=6)
EARLIEST, LATEST = date(2000, 1, 3), date(2999, 12, 30)


def time_words(moment: datetime) -> str:
    """Return a time in short: "Sun 23:59" within a week, else with its date."""
    local = timezone.localtime(moment)
    if abs(local.date() - timezone.localdate()) > NEAR:
        return date_format(local, "SHORT_DATETIME_FORMAT")
    day = date_format(local, "D")
    return f"{day if get_language() == 'en' else day.lower()} {date_format(local, 'TIME_FORMAT')}"


def twice_words(moment: datetime | None) -> str:
    """Return a note for a time that comes twice in the night in which the clock is put back, else nothing."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if first == second:
        return ""
    which = _("%(time)s comes twice in that night, because the clock is put back: the first time is meant.")
    return which % {"time": date_format(local, "TIME_FORMAT")}


def values_words(schedule: Schedule) -> str:
    """Return the planned values that differ: "20%", or with the birthday bonus."""
    base, planned = schedule.base_values, schedule.planned_values
    words = []
    if planned.percent != base.percent or planned.birthday_bonus == base.birthday_bonus:
        words.append(percent_words(planned.percent))
    if planned.birthday_bonus != base.birthday_bonus:
        words.append(money_words(planned.birthday_bonus))
    return ", ".join(words)


def mark_words(schedule: Schedule, group: Group | None) -> str:
    """Return the mark of a group in the list: "20% until Sun 23:59", "20% from Fri 18:00"."""
    words = {"values": values_words(schedule)}
    if group is not None and is_overtaken(schedule, group):
        return pgettext("planned change", "%(values)s planned, but changed meanwhile") % words
    if schedule.state == State.ACTIVE and schedule.ends_at:
        words["time"] = time_words(schedule.ends_at)
        return pgettext("planned change", "%(values)s until %(time)s") % words
    words["time"] = time_words(schedule.starts_at)
    return pgettext("planned change", "%(values)s from %(time)s") % words


def marks(schedules: Mapping[int, Schedule], groups: Mapping[int, Group]) -> dict[int, str]:
    """Return the marks of the groups with an open schedule, by their ids; `groups` as for `schedule_row`."""
    return {group_id: mark_words(each, groups.get(group_id)) for group_id, each in schedules.items()}


def find_warnings(credentials: PosterCredentials, groups: Groups | None) -> dict[int, str]:
    """Return what forms that edit many groups say about those with an open schedule; see `group_warnings`."""
    found = open_schedules(credentials)
    if not found:
        return {}
    locked = history.locked_ids(credentials)
    now = groups_of(found, groups or list_groups(credentials), locked)
    title = _("A change of this group is planned.")
    return {
        group_id: f"{title} {planned_words(each)} {warning_words(each, now.get(group_id))}"
        for group_id, each in found.items()
    }


def warning_words(schedule: Schedule, group: Group | None) -> str:
    """Return what becomes of an open schedule if a form gives its group other values."""
    if group is not None and is_overtaken(schedule, group):
        return overtaken_words(schedule, group)
    return _("If you save other values, it will be held, and a person has to decide.")


def overtaken_words(schedule: Schedule, group: Group) -> str:
    """Return which values a group has in place of the expected ones, and what the next step will do."""
    words = {"changes": difference_words(schedule.expected_values.to_json(), group.values.to_json())}
    if schedule.state == State.ACTIVE:
        text = _(
            "The group has other values by now: %(changes)s. So the old values will not come back by "
            "themselves: this will be held, and a person has to decide."
        )
    else:
        text = _(
            "The group has other values by now: %(changes)s. So this will not begin: it will be held, and a "
            "person has to decide."
        )
    return text % words


def planned_words(schedule: Schedule) -> str:
    """Return what is planned, in a sentence."""
    old, new = schedule.base_values, schedule.planned_values
    words = {
        "old": _both(old, new),
        "new": _both(new, old),
        "start": date_format(timezone.localtime(schedule.starts_at), "SHORT_DATETIME_FORMAT"),
    }
    if schedule.ends_at is None:
        return _("%(new)s instead of %(old)s from %(start)s on, without an end.") % words
    words["end"] = date_format(timezone.localtime(schedule.ends_at), "SHORT_DATETIME_FORMAT")
    return _("%(new)s instead of %(old)s from %(start)s until %(end)s, then %(old)s again.") % words


@holder_notice.register
def _schedule_notice(schedule: Schedule) -> HolderNotice:
    message = Message(
        _("A change of this group is planned"),
        planned_words(schedule),
        " ".join(
            [
                _("There can be only one at a time."),
                _("Until that has ended or is cancelled, the group cannot be removed."),
            ]
        ),
    )
    return HolderNotice(message, schedule.get_absolute_url(), _("Planned changes"), mark="clock")


def present_words(values: GroupValues) -> str:
    """Return the values of a group that can be planned: "10%", or "10%, 50.00 ₴ on the birthday"."""
    words = percent_words(values.percent)
    if not values.birthday_bonus:
        return words
    bonus = {"percent": words, "bonus": money_words(values.birthday_bonus)}
    return _("%(percent)s, and %(bonus)s on the birthday") % bonus


def _both(values: GroupValues, others: GroupValues) -> str:
    words = percent_words(values.percent)
    if values.birthday_bonus == others.birthday_bonus:
        return words
    return _("%(percent)s and %(bonus)s") % {"percent": words, "bonus": money_words(values.birthday_bonus)}


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A planned change, ready to print, with what its user can do.

    `warning` is for a form that edits its group. `is_overtaken` is True if the group has other values than
    the next step starts from.
    """

    schedule: Schedule
    values: str
    words: str
    warning: str
    is_overtaken: bool
    state: str
    who: str
    notes: tuple[str, ...]
    start_url: str
    return_url: str
    cancel_url: str
    cancel_label: str


def schedule_row(schedule: Schedule, user: "User", group: Group | None = None) -> ScheduleRow:
    """Return a planned change as a row.

    `group` is as Poster has it now; None if that is not known, or while a change of it has no outcome.
    """
    overtaken = group is not None and is_overtaken(schedule, group)
    label = _cancel_label(schedule) if user.has_perm(RIGHT) else ""
    began = schedule.began_at is not None
    tried = began and schedule.returns and schedule.ended_at is not None and not schedule.can_be_returned
    return ScheduleRow(
        schedule=schedule,
        values=values_words(schedule),
        words=planned_words(schedule),
        warning=warning_words(schedule, group) if schedule.is_open else "",
        is_overtaken=overtaken,
        state=_("changed meanwhile") if overtaken else schedule.get_state_display(),
        who=names_words(schedule.user_name, schedule.asked_by),
        notes=tuple(_notes(schedule, group if overtaken else None)),
        start_url=reverse("groups:change", args=[schedule.start_id]) if began else "",
        return_url=reverse("groups:change", args=[schedule.return_id]) if tried else "",
        cancel_url=reverse("groups:schedule_cancel", args=[schedule.pk]) if label else "",
        cancel_label=label,
    )


def _cancel_label(schedule: Schedule) -> str:
    if schedule.state == State.PLANNED:
        return _("Cancel the planned change")
    if schedule.state == State.ACTIVE or schedule.can_be_returned:
        return _("Return to the old values now")
    return pgettext("a planned change", "Put aside") if schedule.state == State.HELD else ""


def _notes(schedule: Schedule, overtaken: Group | None) -> Iterable[str]:
    """Yield what is to be said beside the plan: why it was held, what was late, which hour is meant."""
    if overtaken is not None:
        yield overtaken_words(schedule, overtaken)
    if schedule.reason:
        yield str(Schedule.Reason(schedule.reason).label)
    if schedule.state == State.HELD and schedule.began_at:
        yield _("The old values did not come back by themselves: a person has to decide.")
    elif schedule.state == State.HELD:
        yield _("Nothing is sent until a person decides.")
    if schedule.began_late and schedule.began_at:
        yield _("It began late: %(time)s.") % {"time": _moment(schedule.began_at)}
    if schedule.ended_late and schedule.ended_at:
        yield _("The old values came back late: %(time)s.") % {"time": _moment(schedule.ended_at)}
    if schedule.cancelled_at:
        words = {"who": schedule.cancelled_by_name, "time": _moment(schedule.cancelled_at)}
        yield _("%(who)s cancelled it: %(time)s.") % words
    yield from filter(None, (twice_words(schedule.starts_at), twice_words(schedule.ends_at)))


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


# --- The calendar ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a group in the calendar: the values in force, and from and until when on that day."""

    values: str = ""
    hours: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One planned change in the calendar."""

    name: str
    url: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the calendar, Monday to Sunday."""

    monday: date
    rows: tuple[CalendarRow, ...]

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

    @property
    def previous(self) -> str:
        return (self.monday - timedelta(DAYS)).isoformat()

    @property
    def next(self) -> str:
        return (self.monday + timedelta(DAYS)).isoformat()


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


def make_week(monday: date, schedules: Iterable[Schedule]) -> Week:
    """Return the calendar of a week."""
    rows = []
    for schedule in schedules:
        cells = tuple(_cell(schedule, monday + timedelta(number)) for number in range(DAYS))
        if any(cell.values for cell in cells):
            url = reverse("groups:detail", args=[schedule.group_id])
            rows.append(CalendarRow(schedule.group_name, url, cells))
    return Week(monday, tuple(rows))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone()).astimezone(UTC)


def _cell(schedule: Schedule, day: date) -> Cell:
    first, last = _midnight(day), _midnight(day + timedelta(1))
    start, end = _in_force(schedule)
    if start >= last or (end is not None and end <= first):
        return Cell()
    begins, ends = start >= first, end is not None and end <= last
    words = [date_format(timezone.localtime(start), "TIME_FORMAT") if begins else ""]
    words += [date_format(timezone.localtime(end), "TIME_FORMAT") if ends and end else ""]
    hours = "–".join(words) if any(words) else ""
    return Cell(values_words(schedule), hours, schedule.state)


def _in_force(schedule: Schedule) -> tuple[datetime, datetime | None]:
    """Return the times between which the planned values are in force: the real ones where known.

    Without an end nothing takes them back, or the return that is due has not been made.
    """
    end = schedule.ended_at or schedule.ends_at
    is_late = schedule.state == State.ACTIVE and end is not None and end <= timezone.now()
    stays = is_late or schedule.can_be_returned or not schedule.returns
    return schedule.began_at or schedule.starts_at, None if stays else end
