"""Show a job: its title, its progress, and the outcome of each part."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.models import Change, Job
from groups.presenters.messages import Message, reason_words, whom
from groups.services.jobs.lease import Progress, progress_of
from groups.services.jobs.queue import SEEN, may_control

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN_AT_MOST = 50
"""Limit for the failed parts shown: the history has all of them."""
State = Change.State


@dataclass(frozen=True)
class JobPage:
    """Everything that the page shows."""

    job: Job
    user: "User"

    @cached_property
    def progress(self) -> Progress:
        return progress_of(self.job)

    @property
    def title(self) -> str:
        return job_title(self.job)

    @property
    def words(self) -> Message:
        return job_words(self.job)

    @property
    def changed_fields(self) -> str:
        """Fields that the first write changed wrongly."""
        return self.job.detail if self.job.reason in SEEN else ""

    @property
    def url(self) -> str:
        return reverse("groups:job", args=[self.job.pk])

    @property
    def notice(self) -> str:
        """Kind of the notice that describes the state."""
        match self.job.state:
            case Job.State.DONE:
                whole = self.progress.done == self.progress.total
                return "success" if whole else "differs"
            case Job.State.STOPPED:
                return "error"
            case _:
                return "unknown"

    @property
    def actions(self) -> list[tuple[str, str, bool]]:
        """Actions of this user: the decision, the label of its button, and whether it is the primary one."""
        if not may_control(self.job, self.user) or not self.job.is_unfinished:
            return []
        go_on = _("Go on all the same") if self.job.reason in SEEN else _("Go on")
        first = ("pause", _("Pause"), False) if self.job.is_active else ("resume", go_on, True)
        return [first, ("cancel", _("Cancel the rest"), False)]

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """Final report: label, count and tone of each line."""
        progress = self.progress
        rows = [
            (_done_label(self.job), progress.done, "applied"),
            (pgettext("parts of a job", "refused by Poster"), progress.refused, "refused"),
            (pgettext("parts of a job", "not made"), progress.failed, "failed"),
            (pgettext("parts of a job", "not settled yet"), progress.unknown, "unknown"),
            (pgettext("parts of a job", "skipped"), progress.skipped, "failed"),
        ]
        return [row for row in rows if row[1] or row[2] == "applied"]

    @cached_property
    def problems(self) -> list[dict[str, Any]]:
        """The last parts that did not succeed as intended."""
        rows = Change.objects.filter(job=self.job).exclude(state__in=(State.APPLIED, State.PENDING))
        return [
            {
                "change": row,
                "url": reverse("groups:change", args=[row.pk]),
                "whom": whom(row),
                "why": reason_words(row),
            }
            for row in rows[:SHOWN_AT_MOST]
        ]


def job_title(job: Job) -> str:
    """Return the title of a job."""
    names = {"group": job.group_name, "target": job.target_name}
    match job.kind:
        case Job.Kind.MOVE:
            return _("Clients: “%(group)s” → “%(target)s”") % names
        case Job.Kind.RETIRE:
            return _("Retire “%(group)s”, its clients go to “%(target)s”") % names
        case Job.Kind.RESTORE:
            return _("Restore “%(group)s”") % names
        case Job.Kind.EDIT:
            return _("Change several groups")
        case _:
            return _("Import of groups")


def _done_label(job: Job) -> str:
    match job.kind:
        case Job.Kind.MOVE | Job.Kind.RETIRE:
            return pgettext("parts of a job", "moved")
        case Job.Kind.RESTORE:
            return pgettext("parts of a job", "brought back")
        case _:
            return pgettext("parts of a job", "made")


def job_words(job: Job) -> Message:
    """Return the message for the state of a job."""
    match job.state:
        case Job.State.WAITING:
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
            text, next_step = _stopped_words(job)
            said = job.detail if job.reason in ("refused", "not_removed") else ""
            return Message(_("It has stopped by itself"), text, next_step, said)
        case Job.State.CANCELLED:
            return Message(_("It was cancelled"), _("What was done before stays done; nothing more is sent."))
        case _:
            return Message(_("It has ended"), _("Each part was read back from Poster."))


def _stopped_words(job: Job) -> tuple[str, str]:
    """Return why a job has stopped, and the next step."""
    detail = {"detail": job.detail}
    again = _("Then let it go on.")
    found = {
        "side_effect": (
            _("The first write changed more than it should have."),
            _("Look at that client in Poster before you decide. Nobody else was touched."),
        ),
        "refused": (
            _("Poster refused what was asked for."),
            _("Mend the cause in Poster first.") + " " + again,
        ),
        "token": (
            _("Its user's token is no longer there or no longer valid."),
            _("Connect the account again.") + " " + again,
        ),
        "no_user": (_("Its user is no longer here."), _("Cancel it, and start a new one.")),
        "no_right": (_("Its user may not do this any more."), _("Ask an owner for the right.") + " " + again),
        "not_recorded": (
            _("The history could not be written, so nothing more was sent."),
            _("Tell whoever looks after this server."),
        ),
        "source_gone": (
            _("The group is no longer in Poster, and its clients are gone with it."),
            _("Cancel the rest."),
        ),
        "target_gone": (
            _("The group to which the clients go is no longer there."),
            _("Cancel the rest, and choose another group."),
        ),
        "differs": (
            _("Poster stored something else than was sent in the first group."),
            _("Look at that group in Poster before you decide. No other was touched."),
        ),
        "busy": (_("A change of one of the groups has no outcome yet."), again),
        "snapshot_gone": (
            _("The snapshot is no longer there: it was kept for its time."),
            _("Cancel the rest."),
        ),
        "snapshot_unreadable": (
            _("None of the keys of this server opens the snapshot."),
            _("Tell whoever looks after this server."),
        ),
        "group_not_created": (
            _("The group could not be created, so nobody was brought back."),
            _("Mend the cause in Poster first.") + " " + again,
        ),
        "locked": (_("A change of the group has no outcome yet."), again),
        "locks_lost": (
            _("Another job or a removal has one of its groups, so nothing more was sent."),
            _("Wait until that has ended.") + " " + again,
        ),
        "bonus_blocked": (
            _("Birthday bonuses of this account come back in another unit, so none is sent."),
            _("An owner can set the unit of the birthday bonus on the account page."),
        ),
        "unreachable": (
            _("Poster has not answered for a quarter of an hour."),
            _("Try again later.") + " " + again,
        ),
        "unknown": (_("The outcome of some writes could not be found out."), again),
        "not_empty": (
            _("Some clients could not be moved, so the group was not removed: %(detail)s are left.") % detail,
            _("Look at the list below."),
        ),
        "not_removed": (
            _("Everybody was moved, but the group itself was not removed."),
            _("Remove it on its own page."),
        ),
    }
    return found.get(
        job.reason,
        (_("Something went wrong here, not in Poster."), _("Tell whoever looks after this server.")),
    )
