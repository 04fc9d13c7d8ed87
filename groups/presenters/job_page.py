"""Show a job: its title, its progress, and the outcome of each part."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import assert_never

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.models import Change, Job
from groups.presenters.changes.change_words import names_words
from groups.presenters.changes.toasts import Toast
from groups.presenters.job_undo import UndoCard, rest_card, undo_card
from groups.presenters.messages import Message
from groups.services.clients import find_names
from groups.services.jobs.executor import patience_of
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.progress import JobProgress, progress_of
from groups.services.jobs.queue import SEEN, may_control, may_undo
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.commands import Command

SHOWN_AT_MOST = 50
"""Limit for the failed parts shown: the history has all of them."""
State, Stop = Change.State, Job.Stop
SAID_BY_POSTER = (Stop.REFUSED, Stop.TOKEN, Stop.NOT_REMOVED, Stop.GROUP_NOT_CREATED)
"""Stop reasons whose detail is a message of Poster's."""
NEW = timedelta(seconds=10)
"""A job of a few changes ends within this time."""


@dataclass(frozen=True)
class JobPage:
    """Everything that the page shows."""

    job: Job
    user: User

    @cached_property
    def kind(self) -> JobKind:
        return JobKind.of(self.job)

    @cached_property
    def progress(self) -> JobProgress:
        return progress_of(self.job)

    @property
    def state_words(self) -> str:
        """The state of the job in few words."""
        if self.job.state == Job.State.WAITING and self.job.next_try_at is not None:
            return _("waiting for its next try")
        return self.job.get_state_display()

    @property
    def pause(self) -> str:
        """The time until the page asks again, as HTMX reads it: a new job is asked about more often."""
        return "2s" if self.job.created_at <= timezone.now() - NEW else "500ms"

    @property
    def who(self) -> str:
        return names_words(self.job.user_name, self.job.asked_by)

    @property
    def words(self) -> Message:
        return job_words(self.job)

    @property
    def changed_fields(self) -> str:
        """Fields that the first write changed wrongly."""
        return self.job.detail if self.job.reason in SEEN else ""

    @property
    def request_url(self) -> str:
        """Address of the decision that the rest of the job waits for, if there is one."""
        decision = gates.decision_on(self.job) if self.job.state in Job.HALTED else None
        return decision.get_absolute_url() if decision and decision.is_waiting else ""

    @property
    def notice(self) -> str:
        """Kind of the notice that describes the state."""
        match Job.State(self.job.state):
            case Job.State.DONE:
                whole = self.progress.done == self.progress.total
                return "success" if whole else "differs"
            case Job.State.STOPPED:
                return "error"
            case (
                Job.State.DRAFT
                | Job.State.ASKED
                | Job.State.WAITING
                | Job.State.RUNNING
                | Job.State.PAUSED
                | Job.State.CANCELLED
            ):
                return "unknown"
            case _ as never:
                assert_never(never)

    @property
    def actions(self) -> list[tuple[str, str, bool]]:
        """Actions of this user: the decision, the label of its button, and whether it is the primary one."""
        if not may_control(self.job, self.user) or not self.job.is_unfinished:
            return []
        if self.job.is_active:
            first = ("pause", _("Pause"), False)
        elif self.job.reason in SEEN:
            first = ("accept", _("Go on anyway"), True)
        else:
            first = ("resume", _("Go on"), True)
        return [first, ("cancel", _("Cancel the rest"), False)]

    @cached_property
    def undo(self) -> UndoCard | None:
        """The way back, if there is one and this user may take it."""
        return undo_card(self.job, self.user) if may_undo(self.job, self.user) else None

    @cached_property
    def rest(self) -> UndoCard | None:
        """For an undo that has left something: the way to ask for the rest of it."""
        return rest_card(self.job, self.user)

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """Final report: label, count and tone of each line."""
        progress = self.progress
        rows = [
            (str(self.kind.done_label), progress.done, "applied"),
            (pgettext("parts of a job", "refused by Poster"), progress.refused, "refused"),
            (pgettext("parts of a job", "not made"), progress.failed, "failed"),
            (pgettext("parts of a job", "not settled yet"), progress.unknown, "unknown"),
            (pgettext("parts of a job", "skipped"), progress.skipped, "failed"),
        ]
        return [row for row in rows if row[1] or row[2] == "applied"]

    @cached_property
    def problems(self) -> list[tuple[Change, str]]:
        """The last parts that did not succeed as intended, each with the group or client that it concerns."""
        tries = Change.objects.filter(job=self.job).last_tries()
        rows = list(tries.exclude(state__in=(State.APPLIED, State.PENDING))[:SHOWN_AT_MOST])
        names = find_names(self.user.credentials, {row.client_id for row in rows if row.client_id})
        return [(row, names.get(row.client_id or 0) or Command.kind_of(row).subject(row)) for row in rows]


def job_toast(job: Job, user: User) -> Toast:
    """Return that a job is no longer under way, with the way back from it."""
    page = JobPage(job, user)
    numbers = NumberFormat.current()
    values = {
        "title": page.kind.title,
        "done": numbers.count(page.progress.done),
        "total": numbers.count(page.progress.total),
    }
    if job.state == Job.State.DONE:
        text = _("“%(title)s” has ended: %(done)s of %(total)s.") % values
    else:
        text = _("“%(title)s” has stopped: %(done)s of %(total)s.") % values
    undo = page.undo if page.undo and page.undo.label else None
    return Toast(
        text,
        "success" if page.notice == "success" else "warning",
        undo_url=undo.action if undo else "",
        undo_label=undo.label if undo else "",
        way_url=job.get_absolute_url(),
        way_label=_("Look at it"),
    )


def job_words(job: Job) -> Message:
    """Return the message for the state of a job."""
    match Job.State(job.state):
        case Job.State.WAITING if job.next_try_at is not None and job.waiting_since is not None:
            end = job.waiting_since + patience_of(Stop(job.reason))
            times = {"next": _time_words(job.next_try_at), "end": _time_words(end)}
            return Message(
                _("It waits for its next try"),
                _waiting_words(Stop(job.reason)),
                _("The next try is at %(next)s. If this lasts until %(end)s, it stops and asks for you.")
                % times,
            )
        case Job.State.WAITING | Job.State.DRAFT | Job.State.ASKED:
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
            return Message(_("It has ended"), _("Each part was read back from Poster."), at_end)
        case _ as never:
            assert_never(never)


def _time_words(moment: datetime) -> str:
    return time_format(localtime(moment), "H:i:s")


def _waiting_words(reason: Job.Stop) -> str:
    """Return what a job waits for that has given its worker back."""
    match reason:
        case Stop.LOCKED | Stop.BUSY:
            return _("Another change of the same group or client has no outcome yet.")
        case Stop.UNKNOWN:
            return _("The outcome of some writes is not known yet.")
        case Stop.NOT_EMPTY:
            return _("Poster still shows clients who were moved.")
        case Stop.BEHIND:
            return _("Poster does not show the last change yet.")
        case Stop.UNREADABLE_ROW:
            return str(reason.label)
        case Stop.TOKEN:
            return _("Poster refuses the token, which may be a mistake.")
    return _("Poster does not answer.")


def _after_stop(stop: Job.Stop) -> str:  # noqa: C901, PLR0912 - one arm a step is the clearest form
    """Return the next step of the user of a job that has stopped."""
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
        case Stop.UNREACHABLE | Stop.BEHIND:
            return _("Try again later.") + " " + again
        case Stop.BUSY | Stop.LOCKED | Stop.UNKNOWN:
            return again
        case Stop.NOT_EMPTY:
            return _("Look at the list below.")
        case Stop.NOT_REMOVED:
            return _("Remove it on its own page.")
        case Stop.NOT_RECORDED | Stop.SNAPSHOT_UNREADABLE | Stop.ERROR:
            return _("Tell the administrator of this server.")
        case _ as never:
            assert_never(never)
