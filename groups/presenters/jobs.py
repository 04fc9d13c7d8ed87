"""Show a job: its state, and its undo."""

from collections.abc import Iterable
from typing import Any, assert_never
from uuid import UUID

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.models import Change, Job
from groups.services.jobs.executor import max_wait_of
from groups.services.jobs.kinds import JobKind, JobProgress
from groups.services.jobs.undo import is_undoable, preview_of, undo_lines, undo_of
from groups.services.messages import Message
from groups.services.values import (
    NumberFormat,
)
from groups.services.writes import gates

Stop = Job.Stop
SAID_BY_POSTER = (Stop.REFUSED, Stop.TOKEN, Stop.NOT_REMOVED, Stop.GROUP_NOT_CREATED)
"""Stop reasons whose detail is a message of Poster's."""
WAITS_FOR = {
    Stop.LOCKED: gettext_lazy("Another change of the same group or client has no outcome yet."),
    Stop.UNKNOWN: gettext_lazy("The outcome of some writes is not known yet."),
    Stop.NOT_EMPTY: gettext_lazy("Poster still shows clients who were moved."),
    Stop.STALE: gettext_lazy("Poster does not show the last change yet."),
    Stop.UNREADABLE_ROW: Stop.UNREADABLE_ROW.label,
    Stop.TOKEN: gettext_lazy("Poster refuses the token, which may be a mistake."),
}
"""Sentences for a job that tries again, by its reason; for any other reason it waits for Poster."""


def notice_of(job: Job, progress: JobProgress) -> str:
    """Return the kind of the notice that describes the state: data-notice."""
    if job.state == Job.State.DONE:
        return "success" if progress.done == progress.total else "differs"
    return "error" if job.state == Job.State.STOPPED else "unknown"


def job_words(job: Job) -> Message:
    match Job.State(job.state):
        case Job.State.WAITING if job.next_try_at is not None and job.waiting_since is not None:
            end = job.waiting_since + max_wait_of(Stop(job.reason))
            times = {"next": job.next_try_at, "end": end}
            return Message(
                _("It waits for its next try"),
                str(WAITS_FOR.get(Stop(job.reason), _("Poster does not answer."))),
                _("The next try is at %(next)s. If this lasts until %(end)s, it stops and asks for you.")
                % {name: time_format(localtime(moment), "H:i:s") for name, moment in times.items()},
            )
        case Job.State.WAITING | Job.State.DRAFT | Job.State.REQUESTED:
            return Message(
                _("It waits for its turn"),
                _("A worker takes it up as soon as one is free."),
                _("You can close this page and come back."),
            )
        case Job.State.RUNNING:
            return Message(
                _("It is under way"),
                _("Every write is read back and recorded."),
                _("You can close this page and come back."),
            )
        case Job.State.PAUSED:
            return Message(
                _("It is paused"),
                _("What is done stays done; nothing more is sent."),
                _("Go on when you are ready, or cancel the rest."),
            )
        case Job.State.STOPPED:
            said = job.detail if job.reason in SAID_BY_POSTER else ""
            return Message(_("It has stopped"), job.stop_words, _after_stop(job.stop), said)
        case Job.State.CANCELLED:
            return Message(_("It was cancelled"), _("What was done before stays done; nothing more is sent."))
        case Job.State.DONE:
            at_end = JobKind.of(job).words_at_end
            return Message(_("It has ended"), _("Each change was read back from Poster."), at_end)
        case _ as never:
            assert_never(never)


def _after_stop(stop: Job.Stop) -> str:  # noqa: C901, PLR0912 - one arm a step is the clearest form
    again = _("Then let it go on.")
    match stop:
        case Stop.SIDE_EFFECT:
            return _("Look at that client in Poster before you decide. Nobody else was touched.")
        case Stop.DIFFERS:
            return _("Look at that group in Poster before you decide. No other was touched.")
        case Stop.REFUSED | Stop.GROUP_NOT_CREATED | Stop.UNREADABLE_ROW:
            return _("Fix the cause in Poster first.") + " " + again
        case Stop.TOKEN:
            return _("Connect the account again.") + " " + again
        case Stop.NO_USER | Stop.CHANGED:
            return _("Cancel it, and start a new one.")
        case Stop.BEYOND_LIMITS:
            return _("Let it go on to ask for the rest, or cancel the rest.")
        case Stop.NO_RIGHT:
            return _("Ask an owner for the right.") + " " + again
        case Stop.SOURCE_GONE | Stop.SNAPSHOT_GONE:
            return _("Cancel the rest.")
        case Stop.TARGET_GONE:
            return _("Cancel the rest, and choose another group.")
        case Stop.LOCKS_LOST:
            return _("Wait until that has ended.") + " " + again
        case Stop.BONUS_BLOCKED:
            return _("An owner can set the unit of the birthday bonus on the account page.")
        case Stop.UNREACHABLE | Stop.STALE:
            return _("Try again later.") + " " + again
        case Stop.LOCKED | Stop.UNKNOWN:
            return again
        case Stop.NOT_EMPTY:
            return _("Look at the list below.")
        case Stop.NOT_REMOVED:
            return _("Remove it on its own page.")
        case Stop.NOT_RECORDED | Stop.SNAPSHOT_UNREADABLE | Stop.ERROR:
            return _("Tell the administrator of this server.")
        case _ as never:
            assert_never(never)


def undo_card(job: Job, user: User, change: Change | None = None) -> dict[str, Any] | None:
    """Return the undo of a job or of one change of it; None if this user may not, or nothing was made.

    It has what the undo would do, in sentences, and the button that sends its form to `action`; without a
    `label` there is nothing to send, and the sentences say why. Of an undo that was started it has the
    address, empty for a request that this user may not see.
    """
    if not JobKind.of(job).may_be_undone_by(user) or not is_undoable(job):
        return None
    undoing = undo_of(job, change)
    preview = preview_of(undoing)
    if not preview.rights or not user.has_perms(preview.rights):
        return None
    action = reverse("groups:undo", args=[change.pk]) if change else reverse("groups:job_undo", args=[job.pk])
    if not undoing._state.adding:
        page = page_of(undoing, user)
        started_url = page.get_absolute_url() if page else ""
        return {"action": action, "label": "", "is_started": True, "started_url": started_url}
    left, made, label = sum(preview.left.values()), sum(preview.made.values()), ""
    if left:
        words = _("Undo") if made == 1 else _("Undo all %(count)s")
        numbers = NumberFormat.current()
        counts = {"count": numbers.count(left), "total": numbers.count(made)}
        label = (_("Undo %(count)s of %(total)s") if left < made else words) % counts
    return {"action": action, "label": label, "lines": undo_lines(preview)}


def undos_of(jobs: Iterable[Job]) -> dict[UUID, Job]:
    """Map those of the jobs that are undone as a whole, or about to be, to their undos; see `undo_of`."""
    undos = Job.objects.filter(undo_of__in=[job.pk for job in jobs], wanted__change="")
    undone = {each.undo_of for each in undos.select_related("undo_of") if each.undo_of}
    return {job.pk: undo for job in undone if not (undo := undo_of(job))._state.adding}


def ids_to_undo(jobs: Iterable[Job], user: User) -> set[UUID]:
    """Return the ids of the jobs that have ended and that nobody has undone as a whole, or not all of it."""
    ended = [job for job in jobs if job.state in Job.ENDED and JobKind.of(job).may_be_undone_by(user)]
    return {job.pk for job in ended} - undos_of(ended).keys()


def page_of(undoing: Job, user: User) -> Any:
    """Return the undo, or what it waits for; None if this user may not see that."""
    if undoing.state != Job.State.REQUESTED:
        return undoing
    decision = gates.decision_on(undoing)
    return decision if decision and decision.may_be_seen_by(user) else None
