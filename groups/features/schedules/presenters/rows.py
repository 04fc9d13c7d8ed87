"""Put planned changes into words, and show them as rows of their page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from groups.features.schedules.models import Schedule
from groups.features.schedules.services.schedules import RIGHT, is_overtaken
from groups.features.schedules.services.words import planned_words
from groups.poster import Group, GroupValues
from groups.presenters.changes.change_words import names_words
from groups.services.values import difference_words, money_words, percent_words

State = Schedule.State
# Closer than this a time is told by the day of its week alone.
NEAR = timedelta(days=6)


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


def present_words(values: GroupValues) -> str:
    """Return the values of a group that can be planned: "10%", or "10%, 50.00 ₴ on the birthday"."""
    words = percent_words(values.percent)
    if not values.birthday_bonus:
        return words
    bonus = {"percent": words, "bonus": money_words(values.birthday_bonus)}
    return _("%(percent)s, and %(bonus)s on the birthday") % bonus


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A planned change, ready to print, with what its user can do.

    `is_overtaken` is True if the group has other values than the next step starts from.
    """

    schedule: Schedule
    values: str
    words: str
    is_overtaken: bool
    state: str
    who: str
    notes: tuple[str, ...]
    start_url: str
    return_url: str
    cancel_url: str
    cancel_label: str


def schedule_row(schedule: Schedule, user: User, group: Group | None = None) -> ScheduleRow:
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
