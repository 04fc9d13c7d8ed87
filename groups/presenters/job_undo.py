"""Show the way back from a job: what its undo would do, or the job that has undone it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.models import Change, Job
from groups.presenters.messages import Message
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.queue import may_undo
from groups.services.jobs.undo_plan import (
    UndoPreview,
    UndoScope,
    is_undoable,
    preview_of,
    undo_lines,
    undo_of,
)
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.gates import Decision


@dataclass(frozen=True, slots=True)
class UndoCard:
    """An undo: what it would do, in sentences, or the one that was started.

    The form is sent to `action` by a button with the `label`; without one there is nothing to send, and the
    sentences say why. `started_url` is empty for a request that this user may not see.
    """

    action: str
    label: str = ""
    lines: tuple[str, ...] = ()
    is_started: bool = False
    started_url: str = ""


def undo_card(job: Job, user: User, change: Change | None = None) -> UndoCard | None:
    """Return the undo of a job or of one change of it; None if this user may not, or nothing was made."""
    if not is_undoable(job):
        return None
    undoing = undo_of(job, change)
    preview = preview_of(undoing)
    if not preview.rights or not user.has_perms(preview.rights):
        return None
    action = reverse("groups:undo", args=[change.pk]) if change else reverse("groups:job_undo", args=[job.pk])
    if not undoing._state.adding:
        page = page_of(undoing, user)
        return UndoCard(action, is_started=True, started_url=page.get_absolute_url() if page else "")
    return UndoCard(action, _label(preview) if preview.left else "", tuple(undo_lines(preview)))


def _label(preview: UndoPreview) -> str:
    """Return the words of the button, with the number of changes that go back: «Повернути всі 5»."""
    left, made = sum(preview.left.values()), sum(preview.made.values())
    numbers = NumberFormat.current()
    shown = {"count": numbers.count(left), "total": numbers.count(made)}
    if left < made:
        return _("Undo %(count)s of %(total)s") % shown
    return _("Undo all %(count)s") % shown if made > 1 else _("Undo")


def ids_to_undo(jobs: Iterable[Job], user: User) -> set[UUID]:
    """Return the ids of the jobs that have ended and that nobody has undone as a whole, or not all of it."""
    ended = {job.pk for job in jobs if job.state in Job.ENDED and may_undo(job, user)}
    undos = Job.objects.filter(undo_of__in=ended).select_related("undo_of")
    undone = {each.undo_of for each in undos if not UndoScope.from_json(each.wanted).change}
    return ended - {job.pk for job in undone if job and not undo_of(job)._state.adding}


def rest_card(undoing: Job, user: User) -> UndoCard | None:
    """Return the undo of what an undo has left, as it has failed there; None if there is nothing of that."""
    undone = undoing.undo_of
    if undone is None or undoing.state != Job.State.DONE or not may_undo(undone, user):
        return None
    change_id = UndoScope.from_json(undoing.wanted).change
    card = undo_card(undone, user, Change.objects.get(pk=change_id) if change_id else None)
    return card if card and card.label else None


def undone_jobs(jobs: Iterable[Job]) -> set[UUID]:
    """Return the ids of the jobs that another one has taken back as a whole, and has left nothing of."""
    undos = Job.objects.filter(undo_of__in=[job.pk for job in jobs], state=Job.State.DONE, wanted__change="")
    undone = {each.undo_of for each in undos.select_related("undo_of")}
    return {job.pk for job in undone if job and not undo_of(job)._state.adding}


@dataclass(frozen=True, slots=True)
class UndoLink:
    """A link to the undo of a whole job, whose title is `job`."""

    url: str
    job: str


def links_to_undo(changes: Iterable[Change], user: User) -> dict[UUID, UndoLink]:
    """Return the ways back from whole jobs, each by the id of the first of its changes here.

    A job of one part goes back with its only change.
    """
    first: dict[UUID, UUID] = {}
    for change in changes:
        if change.job_id is not None:
            first.setdefault(change.job_id, change.pk)
    if not first:
        return {}
    jobs = Job.objects.filter(pk__in=first, total__gt=1).select_related("undo_of")
    undoable = ids_to_undo(jobs, user)
    return {
        first[job.pk]: UndoLink(f"{job.get_absolute_url()}#undo", JobKind.of(job).title)
        for job in jobs
        if job.pk in undoable
    }


def page_of(undoing: Job, user: User) -> Job | Decision | None:
    """Return the undo, or what it waits for; None if this user may not see that."""
    if undoing.state != Job.State.ASKED:
        return undoing
    decision = gates.decision_on(undoing)
    return decision if decision and decision.may_be_seen_by(user) else None


def not_ended_words() -> Message:
    """Return the message for a job that cannot be undone yet."""
    return Message(
        _("The job has not ended"),
        _("It may still change something, so nothing was started."),
        _("Undo it when it has ended, or cancel the rest first."),
    )


def nothing_to_undo_words() -> Message:
    """Return the message for an undo that would do nothing."""
    return Message(
        _("Nothing is left to undo"),
        _("All of it was undone or changed since, so nothing was started."),
    )
