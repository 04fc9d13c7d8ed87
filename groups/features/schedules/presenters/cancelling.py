"""Say before a planned change is cancelled what becomes of it, and which values its group has then."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.schedules.models import Schedule
from groups.features.schedules.presenters.rows import present_words
from groups.features.schedules.services.schedules import Ending
from groups.poster import Group
from groups.services.values import NumberFormat, moment_words
from groups.services.writes.outcome import same

State = Schedule.State


def question_words(schedule: Schedule, ending: Ending | None) -> str:
    """Return the question, which is the title of the page."""
    name = {"name": schedule.group_name}
    if ending is None:
        return _("Nothing is left to cancel for “%(name)s”") % name
    if ending == Ending.CLOSE:
        return _("Put the change of “%(name)s” aside?") % name
    if schedule.state == State.PLANNED:
        return _("Cancel the planned change of “%(name)s”?") % name
    return _("Return “%(name)s” to its old values now?") % name


def cancel_lines(schedule: Schedule, ending: Ending | None, group: Group | None) -> Iterator[str]:
    """Yield what cancelling does. `group` is as Poster has it now, or None if that is not certain."""
    now = present_words(group.values) if group else ""
    match ending:
        case Ending.DROP:
            yield _("Nothing was sent to Poster yet, and nothing will be.")
        case Ending.CLOSE:
            yield _("Nothing is sent to Poster. The change is over, and nobody has to decide on it any more.")
        case Ending.RETURN:
            yield from _return_lines(schedule, group, now)
            return
    if ending and group:
        yield _("The group keeps what it has now: %(now)s.") % {"now": now}


def _return_lines(schedule: Schedule, group: Group | None, now: str) -> Iterator[str]:
    if schedule.state == State.PLANNED:
        yield _(
            "It is beginning at this moment: Poster may have the new values already. If so, they go again."
        )
    elif group is None:
        yield _("What the group has now is not known at the moment.")
    elif same(schedule.planned_values, group):
        yield _("The group has this now: %(now)s.") % {"now": now}
    else:
        yield _(
            "The group has this now: %(now)s. These are not the values that were planned. As long as that is "
            "so, nothing is sent: they stay, and this waits for a person to decide."
        ) % {"now": now}
        yield _("Where the planned values are there again, it gets this back: %(old)s.") % {
            "old": present_words(schedule.base_values)
        }
        return
    words = {"old": present_words(schedule.base_values)}
    yield _("It gets this back at once: %(old)s. That is sent with your rights and your token.") % words
    if group is not None and group.clients:
        touched = ngettext(
            "It touches %(shown)s client of the group.",
            "It touches %(shown)s clients of the group.",
            group.clients,
        )
        yield touched % {"shown": NumberFormat.current().count(group.clients)}
    if schedule.state == State.ACTIVE and schedule.ends_at is not None:
        yield _("On its own it would come back on %(end)s.") % {"end": moment_words(schedule.ends_at)}
