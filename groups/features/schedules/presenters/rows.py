"""Put planned changes into words; show them as rows of their page, and on pages of the core."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from groups.features.schedules.models import Schedule
from groups.features.schedules.services.schedules import (
    CHANGE_GROUP,
    groups_of,
    is_overtaken,
    open_schedules,
    planned_words,
    schedule_of,
)
from groups.models import Change, PosterCredentials
from groups.poster import Group, GroupValues
from groups.presenters.changes.change_words import names_words
from groups.presenters.group_actions import GroupAction, ListAction
from groups.presenters.history_tabs import Tab
from groups.presenters.holders import HolderNotice
from groups.presenters.lists.conditions import ChoiceCondition, Test
from groups.presenters.lists.group_list import RowMark
from groups.presenters.messages import Message
from groups.services.groups import Groups, OneGroup, list_groups
from groups.services.journal import history
from groups.services.values import difference_words, moment_words, money_words, percent_words
from groups.views.http.requests import Request

State = Schedule.State
type Variables = dict[str, Any] | None
PLAN = GroupAction(gettext_lazy("Plan a change"), "groups:schedule", CHANGE_GROUP, gettext_lazy("schedule"))
PLAN_SEVERAL = ListAction(gettext_lazy("Plan…"), "groups:schedule_several", CHANGE_GROUP)
# Closer than this a time is told by the day of its week alone.
NEAR = timedelta(days=6)


def time_words(moment: datetime) -> str:
    """Return a time in short: "Sun 23:59" within a week, else with its date."""
    local = timezone.localtime(moment)
    if abs(local.date() - timezone.localdate()) > NEAR:
        return moment_words(moment)
    day = date_format(local, "D")
    return f"{day if get_language() == 'en' else day.lower()} {date_format(local, 'TIME_FORMAT')}"


def repeated_hour_words(schedule: Schedule) -> Iterator[str]:
    """Yield a note for each time that comes twice in the night in which the clock is put back."""
    which = _("%(time)s comes twice in that night, because the clock is put back: the first time is meant.")
    for moment in filter(None, (schedule.starts_at, schedule.ends_at)):
        local = timezone.localtime(moment)
        if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            yield which % {"time": date_format(local, "TIME_FORMAT")}


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
    text = _(
        "The group has other values by now: %(changes)s. So this will not begin: it will be held, and a "
        "person has to decide."
    )
    if schedule.state == State.ACTIVE:
        text = _(
            "The group has other values by now: %(changes)s. So the old values will not return "
            "automatically: this will be held, and a person has to decide."
        )
    return text % {"changes": difference_words(schedule.expected_values.to_json(), group.values.to_json())}


def present_words(values: GroupValues) -> str:
    """Return the values of a group that can be planned: "10%", or "10%, 50.00 ₴ on the birthday"."""
    words = percent_words(values.percent)
    if not values.birthday_bonus:
        return words
    bonus = {"percent": words, "bonus": money_words(values.birthday_bonus)}
    return _("%(percent)s, and %(bonus)s on the birthday") % bonus


class ScheduleRow:
    """A planned change, ready to print, with what its user can do.

    `group` is as Poster has it now; None if that is not known, or while a change of it has no outcome.
    `is_overtaken` is True if it has other values than the next step starts from.
    """

    def __init__(self, schedule: Schedule, user: User, group: Group | None = None) -> None:
        self.schedule = schedule
        self.words = planned_words(schedule)
        self.is_overtaken = group is not None and is_overtaken(schedule, group)
        self.state = _("changed meanwhile") if self.is_overtaken else schedule.get_state_display()
        self.who = names_words(schedule.user_name, schedule.asked_by)
        self.notes = tuple(_notes(schedule, group if self.is_overtaken else None))
        is_back = schedule.returns and schedule.ended_at is not None and not schedule.can_be_returned
        self.return_was_tried = schedule.began_at is not None and is_back
        self.cancel_label = _cancel_label(schedule) if user.has_perm(CHANGE_GROUP) else ""


def _cancel_label(schedule: Schedule) -> str:
    if schedule.state == State.PLANNED:
        return _("Cancel the planned change")
    if schedule.state == State.ACTIVE or schedule.can_be_returned:
        return _("Return to the old values now")
    return pgettext("a planned change", "Put aside") if schedule.state == State.HELD else ""


def _notes(schedule: Schedule, overtaken: Group | None) -> Iterator[str]:
    """Yield what is to be said beside the plan: why it was held, what was late, which hour is meant."""
    if overtaken is not None:
        yield overtaken_words(schedule, overtaken)
    if schedule.reason:
        yield str(Schedule.Reason(schedule.reason).label)
    if schedule.state == State.HELD and schedule.began_at:
        yield _("The old values did not return automatically: a person has to decide.")
    elif schedule.state == State.HELD:
        yield _("Nothing is sent until a person decides.")
    if schedule.began_late and schedule.began_at:
        yield _("It began late: %(time)s.") % {"time": moment_words(schedule.began_at)}
    if schedule.ended_late and schedule.ended_at:
        yield _("The old values came back late: %(time)s.") % {"time": moment_words(schedule.ended_at)}
    if schedule.cancelled_at:
        words = {"who": schedule.cancelled_by_name, "time": moment_words(schedule.cancelled_at)}
        yield _("%(who)s cancelled it: %(time)s.") % words
    yield from repeated_hour_words(schedule)


# --- Parts of other pages ----------------------------------------------------------------------------------


def tab_of_schedules(_request: Request) -> list[Tab]:
    """Return the tab of the planned changes, beside the history."""
    return [Tab(_("Planned changes"), reverse("groups:schedules"))]


def marks_of(
    credentials: PosterCredentials, groups: Groups, locked_ids: Collection[int]
) -> dict[int, RowMark]:
    """Return the marks of the groups with an open schedule, by their ids."""
    schedules = open_schedules(credentials)
    certain = groups_of(schedules, groups, locked_ids)
    return {
        group_id: RowMark("clock", mark_words(schedule, certain.get(group_id)))
        for group_id, schedule in schedules.items()
    }


def _find_planned(credentials: PosterCredentials, _groups: Groups, asked: str) -> Test:
    planned = open_schedules(credentials).keys()
    return lambda group: (group.id in planned) == (asked == "yes")


IS_PLANNED = ChoiceCondition(
    key="planned",
    label=gettext_lazy("Planned change"),
    choices={"yes": gettext_lazy("with a planned change"), "no": gettext_lazy("without a planned change")},
    find=_find_planned,
)


def action_of_group(request: Request, one: OneGroup, is_held: bool) -> Variables:
    """Show the button that plans a change to users who may change the group, where nothing holds it."""
    may_plan = one.group.is_editable and not is_held and request.user.has_perm(CHANGE_GROUP)
    return {"group": one.group} if may_plan else None


def card_of_group(request: Request, one: OneGroup, change: Change | None) -> Variables:
    """Return the schedule of a group that is open or needs a person.

    It is held against the values of the group, unless these are a copy, or a change of them is open.
    """
    schedule = schedule_of(request.credentials, one.group.id)
    if schedule is None:
        return None
    is_certain = not one.is_copy and change is None
    row = ScheduleRow(schedule, request.user, one.group if is_certain else None)
    return {"row": row, "of_one_group": True}


def notice_of_form(request: Request, group: Group) -> Variables:
    """Return what becomes of the open schedule of a group if a form gives it other values."""
    schedule = schedule_of(request.credentials, group.id)
    if schedule is None or not schedule.is_open:
        return None
    return {"words": planned_words(schedule), "warning": warning_words(schedule, group)}


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


def holder_notice(schedule: Schedule) -> HolderNotice:
    """Return the notice of a schedule that holds the future of its group."""
    one_at_a_time = _("There can be only one at a time.")
    until = _("Until that has ended or is cancelled, the group cannot be removed.")
    title = _("A change of this group is planned")
    message = Message(title, planned_words(schedule), f"{one_at_a_time} {until}")
    return HolderNotice(message, schedule.get_absolute_url(), _("Planned changes"), mark="clock")
