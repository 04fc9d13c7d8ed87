"""Show planned changes in the places of the core's pages."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.schedules.models import Schedule
from groups.features.schedules.presenters.rows import mark_words, schedule_row, warning_words
from groups.features.schedules.services.schedules import RIGHT, groups_of, open_schedules, schedule_of
from groups.features.schedules.services.words import planned_words
from groups.models import Change, PosterCredentials
from groups.poster import Group
from groups.presenters.destinations import Destination, pages_for
from groups.presenters.group_actions import GroupAction
from groups.presenters.history_tabs import Tab
from groups.presenters.holders import HolderNotice
from groups.presenters.lists.row_marks import RowMark
from groups.presenters.messages import Message
from groups.services.groups import Groups, OneGroup, list_groups
from groups.services.journal import history

if TYPE_CHECKING:
    from groups.views.http.requests import Request

PLAN = GroupAction(gettext_lazy("Plan a change"), "groups:schedule", RIGHT, gettext_lazy("schedule"))

type Variables = dict[str, Any] | None


def tab_of_schedules(_request: "Request") -> list[Tab]:
    """Return the tab of the planned changes, beside the history."""
    return [Tab(_("Planned changes"), reverse("groups:schedules"))]


def destinations_of(user: User) -> list[Destination]:
    """Return the page of the planned changes, for users who may see groups."""
    return pages_for(user, ("groups.view_group", _("Planned changes"), "groups:schedules", False))


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


def action_of_group(request: "Request", one: OneGroup, is_held: bool) -> Variables:
    """Show the button that plans a change to users who may change the group, where nothing holds it."""
    may_plan = one.group.is_editable and not is_held and request.user.has_perm(RIGHT)
    return {"group": one.group} if may_plan else None


def card_of_group(request: "Request", one: OneGroup, change: Change | None) -> Variables:
    """Return the schedule of a group that is open or needs a person.

    It is held against the values of the group, unless these are a copy, or a change of them is open.
    """
    schedule = schedule_of(request.credentials, one.group.id)
    if schedule is None:
        return None
    is_certain = one.failure is None and change is None
    return {
        "row": schedule_row(schedule, request.user, one.group if is_certain else None),
        "of_one_group": True,
    }


def notice_of_form(request: "Request", group: Group) -> Variables:
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
