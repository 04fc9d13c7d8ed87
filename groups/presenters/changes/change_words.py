"""Say in words how a change stands, who made it, and when."""

from typing import assert_never

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from groups.models import Change, Job
from groups.presenters.messages import Message
from groups.services.values import moment_words
from groups.services.writes.commands import Command


def time_words(change: Change) -> str:
    """Return between which two times a change was made elsewhere: "between 14:02 and 14:07"."""
    until = localtime(change.created_at)
    since = localtime(change.possible_since or change.created_at)
    is_same_day = since.date() == until.date()
    return _("between %(since)s and %(until)s") % {
        "since": moment_words(since),
        "until": date_format(until, "TIME_FORMAT") if is_same_day else moment_words(until),
    }


def step_words(change: Change) -> str:
    """Return how far a change that is under way has come, and that nobody has to wait for it."""
    if change.sent_at is None:
        step = _("Asking what Poster has …")
    elif not change.accepted:
        step = _("Asked what Poster has · sending …")
    else:
        step = _("Asked what Poster has · sent · reading it back …")
    return f"{step} {_('You can go on: the outcome will be told on every page.')}"


def undo_words(undone: Change | Job, undo: Change | Job) -> str:
    """Return which change or job an undo has taken back: "undo of the change of 14:02"."""
    was, now = localtime(undone.created_at), localtime(undo.created_at)
    time = date_format(was, "TIME_FORMAT") if was.date() == now.date() else moment_words(was)
    words = (
        _("undo of the job of %(time)s") if isinstance(undone, Job) else _("undo of the change of %(time)s")
    )
    return words % {"time": time}


def who_words(change: Change) -> str:
    """Return the name of the user who made a change, or words for one that was not made here."""
    if change.state == Change.State.ELSEWHERE:
        return _("in Poster, not here")
    return names_words(change.user_name, change.asked_by)


def names_words(name: str, asked_by: str) -> str:
    """Return the name of a user, and of the one who has asked this user for an approval."""
    return _("%(name)s, for %(asker)s") % {"name": name, "asker": asked_by} if asked_by else name


def outcome_words(change: Change) -> Message:  # noqa: C901 - one arm a state is the clearest form
    """Return the message for the state of a change."""
    details = change.message
    match Change.State(change.state):
        case Change.State.APPLIED:
            return Message(_("Done"), Command.from_change(change).seen)
        case Change.State.ELSEWHERE:
            where = _("Not here, but in Poster's console or by another program, %(when)s.")
            return Message(_("Made elsewhere"), where % {"when": time_words(change)})
        case Change.State.DIFFERS if change.reason == Change.Reason.UNITS:
            return Message(
                _("Poster stored the birthday bonus in another unit"),
                _(
                    "It came back multiplied or divided by 100. No more birthday bonuses are written for "
                    "this account until an owner has looked at it."
                ),
                _("An owner can set the unit of the birthday bonus on the account page."),
            )
        case Change.State.DIFFERS:
            return Message(
                _("Poster stored something else"),
                _("It accepted the change, but what it has now is not what was sent."),
                _("Compare the values, and edit the group again if they are wrong."),
            )
        case Change.State.REFUSED:
            return Message(
                _("Poster refused the change"),
                _("Nothing was changed."),
                _("Correct it and try again.") if change.intended else _("You can try again."),
                details,
            )
        case Change.State.FAILED:
            return Message(
                _("Nothing was changed"), _sentence(change.reason_label), _("You can try again."), details
            )
        case Change.State.REVIEW:
            return Message(
                _("Somebody has to look at this"),
                _sentence(change.reason_label),
                _("Compare with Poster, then say here whether the change was made."),
                details,
            )
        case Change.State.UNKNOWN if change.reason == Change.Reason.NOT_WRITTEN:
            return Message(
                _("It is not known yet whether the change was made"),
                _("It was sent to Poster, but the history does not answer, so the outcome is not in it yet."),
                _("Do not repeat it. We keep looking, and this page shows what we find."),
            )
        case Change.State.UNKNOWN if change.again_of_id and (why := change.reason_label):
            return Message(
                _("It is not known yet whether the change was made"),
                _("It was not sent again: %(why)s. The first time its answer was lost.") % {"why": why},
                _("We keep looking, and this page shows what we find."),
                details,
            )
        case Change.State.UNKNOWN:
            return Message(
                _("It is not known yet whether the change was made"),
                _("Poster's answer did not arrive. The change may or may not be in force."),
                _("Do not repeat it. We keep looking, and this page shows what we find."),
                details,
            )
        case Change.State.PENDING:
            return Message(
                _("The change is under way"),
                _("It was written down and is being sent to Poster."),
                _("This page shows the outcome as soon as it is known."),
            )
        case _ as never:
            assert_never(never)


def undone_words() -> Message:
    """Return the message for the undo of a change that another undo has taken back."""
    return Message(
        _("Nothing is left to undo"),
        _("This change has been undone already."),
        _("That undo is in the history, and can be undone there."),
    )


def name_refused_words(change: Change) -> str:
    """Return the message beside a name that Poster has refused."""
    words = _("A group with this name exists. Choose another name.")
    said = _("Poster says: “%(words)s”") % {"words": change.message}
    return f"{words} {said}" if change.message else words


def _sentence(text: str) -> str:
    return f"{capfirst(text)}." if text else ""
