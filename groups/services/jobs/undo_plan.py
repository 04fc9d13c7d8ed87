"""Plan the jobs that undo another job, or one client's move.

The journal has the changes to undo, and what has become of them since: an earlier undo, or a later move.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone
from django.utils.translation import ngettext

from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import Content
from groups.services.groups import list_groups_now
from groups.services.jobs.progress import SKIPPED
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.commands import Command, MoveClient
from groups.services.writes.not_sent import NotNow

Action = Change.Action
# A group has to be there before its clients go back, and they have to be out of it before it is removed.
ORDER = (Action.REMOVE, Action.UPDATE, Action.MOVE, Action.CREATE)
KIND = "undo"
"""The kind of the jobs that undo another one; `groups.services.jobs.undo` has its class."""
AT_ONCE = 250
"""Changes that are read from the journal at once."""


class NothingToUndo(Exception):
    """No change is left to undo: none was made, or all have been undone or followed by others."""


@dataclass(frozen=True, slots=True)
class UndoScope(Content):
    """`wanted` of a job that undoes another one.

    It undoes the changes that were settled until `as_of`, or only the one with the id `change`. `groups` are
    those that clients are moved out of or into. `rights` are the permissions that all of it needs.
    """

    as_of: datetime
    change: str = ""
    groups: tuple[int, ...] = ()
    rights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """The changes that the undo of a job would undo, counted in the journal.

    `made` counts all changes of each kind that the job has made, `left` those that can still be undone as
    far as the journal knows.
    """

    made: dict[Change.Action, int]
    left: dict[Change.Action, int]

    @property
    def rights(self) -> tuple[str, ...]:
        needed = {Command.kind_of(Change(action=action)).undo_permission for action in self.made}
        return tuple(sorted(needed - {""}))


def preview_of(job: Job) -> UndoPreview:
    return UndoPreview(_by_action(made_of(job)), _by_action(left_of(job)))


def undo_lines(preview: UndoPreview) -> Iterator[str]:
    left = {action: preview.left[action] for action in ORDER if action in preview.left}
    kept = {action: count for action, count in preview.made.items() if action not in ORDER}
    numbers = NumberFormat.current()
    for action, changes in (left | kept).items():
        words = Command.kind_of(Change(action=action)).undo_words(changes)
        yield words % {"count": numbers.count(changes)}
    followed = sum(preview.made.values()) - sum(left.values()) - sum(kept.values())
    if followed:
        words = ngettext(
            "%(count)s change stays: it was undone or followed by another one since.",
            "%(count)s changes stay: they were undone or followed by others since.",
            followed,
        )
        yield words % {"count": numbers.count(followed)}


def is_undoable(undone: Job) -> bool:
    return undone.state in Job.ENDED and not undone.changes.open().exists()


def plan_undo(undone: Job, change: Change | None, credentials: PosterCredentials) -> Job:
    """Return the job that undoes a job or one change of it; saved if there is one already.

    Raises `PermissionDenied`, `NotNow` if the job has not ended, `NothingToUndo`, and `PosterError`.
    """
    job, user = undo_of(undone, change), credentials.user
    preview = preview_of(job)
    if not user.has_perms(preview.rights):
        raise PermissionDenied
    if not job._state.adding:
        return job
    if not is_undoable(undone):
        raise NotNow
    if not preview.left:
        raise NothingToUndo
    job.user, job.user_name = user, user.get_username()
    job.total = sum(preview.made.values())
    names = {group.id: group.name for group in list_groups_now(credentials).groups}
    present = frozenset(names)
    sources: set[int] = set()
    targets: set[int] = set()
    for undone_change, command in undoing(left_of(job)):
        if isinstance(command, MoveClient):
            sources.add(command.from_id)
            targets.add(command.to_id)
        if undone_change.action == Action.REMOVE:
            names[undone_change.group_id or 0] = undone_change.group_name
    scope = replace(UndoScope.from_json(job.wanted), rights=preview.rights)
    job.wanted = replace(scope, groups=tuple(sorted(sources | targets))).to_json()
    for side, ids in (("group", sources), ("target", targets)):
        setattr(job, f"{side}_id", min(ids) if len(ids) == 1 and ids <= present else None)
        setattr(job, f"{side}_name", ", ".join(names.get(each, "") for each in sorted(ids))[:400])
    return job


def undo_of(undone: Job, change: Change | None = None) -> Job:
    """Return the job that undoes a job or one change of it: a new one, not saved, if there is none yet.

    The id follows from what is undone, so that it is undone once, no matter who asks. An undo that was
    cancelled or refused gives way to the next one, and so does one that has ended and has left something.
    """
    last = undone.changes.aggregate(last=Max("settled_at"))["last"]
    wanted = UndoScope(as_of=last or timezone.now(), change=str(change.pk) if change else "").to_json()
    new = Job(account_id=undone.account_id, kind=KIND, undo_of=undone, wanted=wanted)
    latest: Job | None = None
    for number in count():
        operation = uuid.uuid5(change.pk if change else undone.pk, f"undo {number}")
        found = Job.objects.filter(pk=operation).first()
        if found is None:
            break
        latest = found
    if latest is not None:
        decision = gates.decision_on(latest) if latest.state == Job.State.ASKED else None
        is_refused = latest.state == Job.State.ASKED and not (decision and decision.is_waiting)
        has_failed = latest.state == Job.State.DONE and left_of(new).exists()
        if latest.state != Job.State.CANCELLED and not is_refused and not has_failed:
            return latest
    new.pk = operation
    return new


# --- The changes to undo -----------------------------------------------------------------------------------


def made_of(job: Job) -> ChangeQuerySet:
    scope = UndoScope.from_json(job.wanted)
    made = Change.objects.filter(job=job.undo_of, state__in=Change.MADE, settled_at__lte=scope.as_of)
    # Clients who were created stay, and so does the group that was created for them.
    enrolled = Change.objects.filter(job=job.undo_of, state__in=Change.MADE, action=Action.CREATE_CLIENT)
    made = made.exclude(Exists(enrolled), action=Action.CREATE)
    return made.filter(pk=scope.change) if scope.change else made


def left_of(job: Job) -> ChangeQuerySet:
    """Return those of the changes that no later change of the same client has replaced, nor another undo.

    An undo that has found the client elsewhere, or waits for a person, has nothing left to do either.
    """
    others = Change.objects.filter(state__in=Change.MADE).exclude(job=job.pk)
    later = others.filter(
        account=OuterRef("account"), client_id=OuterRef("client_id"), created_at__gt=OuterRef("created_at")
    )
    is_over = Q(state__in=(*Change.MADE, Change.State.REVIEW)) | Q(reason__in=SKIPPED)
    undone = Change.objects.exclude(job=job.pk).filter(is_over, undo_of=OuterRef("pk"))
    # After a user's decision `after` has the values of somebody else, or none.
    is_read = Q(after__isnull=False, resolved_by="") | Q(action__in=(Action.MOVE, Action.REMOVE))
    return made_of(job).filter(is_read, ~Exists(later), ~Exists(undone), action__in=ORDER)


def _by_action(changes: ChangeQuerySet) -> dict[Change.Action, int]:
    counted = changes.values_list("action").annotate(Count("pk"))
    return {Action(action): count for action, count in counted}


def undoing(changes: ChangeQuerySet) -> Iterator[tuple[Change, Command]]:
    """Yield these changes, each with the command that undoes it, still without sender and operation."""
    for change in changes.iterator(AT_ONCE):
        if (command := Command.kind_of(change).undo(change)) is not None:
            yield change, command
