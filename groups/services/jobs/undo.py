"""Run the jobs that undo another job, or one client's move.

Each change is undone by its command's `undo`, as in the history: only while Poster has what the change has
left. First removed groups are created again, then values and clients go back, and finally created groups are
removed where they are empty.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import batched, count
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import Content, Pairs
from groups.models.locks import members_key
from groups.services.clients import group_of_client
from groups.services.groups import list_groups_now
from groups.services.jobs.executor import (
    READ_TOGETHER,
    OutageBackoff,
    Try,
    check_as_intended,
    first_made,
    is_accepted,
    is_there,
    lock_target,
    may_be_tried,
    read_each,
    run_passes,
    settle_open,
    submit_all,
    submit_one_by_one,
)
from groups.services.jobs.kinds import SKIPPED, JobKind, register
from groups.services.jobs.lease import JobLease, Stopped
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.commands import Command, MoveClient
from groups.services.writes.lag import have_moved
from groups.services.writes.reach import Reach, count_each_reached, reached_by
from groups.services.writes.submissions import NotNow

Action, State = Change.Action, Change.State
# A group has to be there before its clients go back, and they have to be out of it before it is removed.
ORDER = (Action.REMOVE, Action.UPDATE, Action.MOVE, Action.CREATE)
KIND = "undo"
AT_ONCE = 250
"""Changes that are read from the journal at once."""


class NothingToUndo(Exception):
    """No change is left to undo: none was made, or all have been undone or followed by others."""


@dataclass(frozen=True, slots=True)
class UndoScope(Content):
    """`wanted`: changes settled until `as_of`, or one `change`; `groups` between which clients move."""

    as_of: datetime
    change: str = ""
    groups: tuple[int, ...] = ()
    rights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UndoPreview:
    made: dict[Change.Action, int]
    left: dict[Change.Action, int]

    @property
    def rights(self) -> tuple[str, ...]:
        needed = {Command.kind_of(Change(action=action)).undo_permission for action in self.made}
        return tuple(sorted(needed - {""}))


def preview_of(job: Job) -> UndoPreview:
    made, left = (
        {Action(action): count for action, count in changes.values_list("action").annotate(Count("pk"))}
        for changes in (made_of(job), left_of(job))
    )
    return UndoPreview(made, left)


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
        decision = gates.decision_on(latest) if latest.state == Job.State.REQUESTED else None
        is_refused = latest.state == Job.State.REQUESTED and not (decision and decision.is_waiting)
        has_failed = latest.state == Job.State.DONE and left_of(new).exists()
        if latest.state != Job.State.CANCELLED and not is_refused and not has_failed:
            return latest
    new.pk = operation
    return new


def made_of(job: Job) -> ChangeQuerySet:
    scope = UndoScope.from_json(job.wanted)
    made = Change.objects.filter(job=job.undo_of, state__in=Change.MADE, settled_at__lte=scope.as_of)
    # Clients who were created stay, and so does the group that was created for them.
    enrolled = Change.objects.filter(job=job.undo_of, state__in=Change.MADE, action=Action.CREATE_CLIENT)
    made = made.exclude(Exists(enrolled), action=Action.CREATE)
    return made.filter(pk=scope.change) if scope.change else made


def left_of(job: Job) -> ChangeQuerySet:
    """Leave out what a later change of the same client has replaced, or another undo.

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


def undoing(changes: ChangeQuerySet) -> Iterator[tuple[Change, Command]]:
    for change in changes.iterator(AT_ONCE):
        if (command := Command.kind_of(change).undo(change)) is not None:
            yield change, command


@register
class Undo(JobKind):
    kind = KIND
    label = gettext_lazy("bulk change undone")
    done_label = pgettext_lazy("parts of a job", "undone")
    is_shared = True

    @property
    def form_values(self) -> tuple[Any, ...]:
        """The id alone shows what is undone."""
        return ()

    @property
    def scope(self) -> UndoScope:
        return UndoScope.from_json(self.job.wanted)

    def may_be_controlled_by(self, user: User) -> bool:
        return user.has_perms(self.scope.rights)

    @property
    def lock_keys(self) -> frozenset[str]:
        return super().lock_keys | {members_key(group_id) for group_id in self.scope.groups}

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        commands = self._commands_left()
        counted = {command.reached_group for command in commands if command.reached_group is not None}
        counts = count_each_reached(credentials, counted) if credentials else {}
        made = Reach(clients=reached_by(self.job.pk) + sum(counts.values()))
        return sum((command.reach for command in commands), made)

    def _commands_left(self) -> list[Command]:
        sent = Change.objects.filter(job=self.job).exclude(state__in=Change.NOTHING_CHANGED)
        return [command for _change, command in undoing(left_of(self.job).exclude(undone_by__in=sent))]

    def pairs(self, credentials: PosterCredentials) -> Pairs | None:
        """Return the clients who go back, by groups; None if anything else is undone too."""
        commands = self._commands_left()
        moves = Counter((each.from_id, each.to_id) for each in commands if isinstance(each, MoveClient))
        if moves.total() < len(commands):
            return None
        return tuple((*pair, clients) for pair, clients in moves.items())

    @property
    def group_ids(self) -> list[int]:
        ids: set[int | None] = set()
        for change, command in undoing(left_of(self.job)):
            ids |= {command.from_id, command.to_id} if isinstance(command, MoveClient) else {change.group_id}
        return sorted(group_id for group_id in ids if group_id is not None)

    def work(self, lease: JobLease) -> None:
        _Undo(lease).run()

    @property
    def title(self) -> str:
        return _("Undo · %(job)s") % {"job": JobKind.of(self.job.undo_of).title if self.job.undo_of else ""}

    @property
    def request_words(self) -> str:
        return " ".join(undo_lines(preview_of(self.job)))

    @property
    def words_at_end(self) -> str:
        return _("Whatever was changed or moved since was left as it is.")


class _Undo:
    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = OutageBackoff(lease)
        # The ids of removed groups, each with the id under which the group was created again.
        self._created: dict[int, int] = {}
        # Groups that clients should go back to, and that are gone.
        self._gone: set[int] = set()

    def run(self) -> None:
        """Undo the changes in passes until none is left to try, and count those that were left out.

        Raises `Stopped` if a group is missing that clients should go back to.
        """
        settle_open(self._lease)
        # Create removed groups again, and lock those that clients go back to.
        removed = self._ids(Action.REMOVE)
        while self._undo(Action.REMOVE, removed):
            settle_open(self._lease)
        for removal in made_of(self._job).filter(action=Action.REMOVE):
            created = removal.undone_by.filter(state__in=Change.MADE, group_id__isnull=False).first()
            goes_back = left_of(self._job).filter(loaded__group_id=removal.group_id, action=Action.MOVE)
            is_needed = goes_back.exists()
            if created is not None and removal.group_id is not None:
                self._created[removal.group_id] = created.group_id or 0
                if is_needed:
                    lock_target(self._lease, created.group_id or 0)
            elif is_needed:
                failed = removal.undone_by.filter(job=self._job).first()
                raise Stopped(Job.Stop.GROUP_NOT_CREATED, failed.message if failed else "")
        # The outcome of each move is known before a group is removed that it may lead out of.
        for actions in ((Action.UPDATE, Action.MOVE), (Action.CREATE,)):
            run_passes(self._lease, partial(self._pass, actions))
        left_out = made_of(self._job).exclude(undone_by__job=self._job).count()
        self._job.move_on(Job.State.RUNNING, unreadable=left_out)
        if self._gone:
            raise Stopped(Job.Stop.TARGET_GONE)

    def _pass(self, actions: Iterable[Change.Action]) -> bool:
        """Go through the changes with these actions once; return True if any was tried."""
        tried = False
        for action in actions:
            for some in batched(self._ids(action), READ_TOGETHER):
                tried |= self._undo(action, some)
        return tried

    def _ids(self, action: Change.Action) -> list[uuid.UUID]:
        changes = left_of(self._job).filter(action=action).order_by("created_at", "pk")
        return list(changes.values_list("pk", flat=True))

    def _undo(self, action: Change.Action, ids: Sequence[uuid.UUID]) -> bool:
        """Undo changes of one kind, the first one alone; return True if any was tried."""
        commands = self._commands(ids)
        if not commands:
            return False
        if moved_on := self._moved_on(commands):
            self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
            self._submit(moved_on)
            if not (commands := self._commands(ids)):
                return True
        if action == Action.CREATE and have_moved(job=self._job):
            # Wait until Poster must show the moves: they may lead out of a group that is removed.
            self._backoff.wait(Job.Stop.NOT_EMPTY)
        if not self._is_tested(action):
            for change in submit_one_by_one(self._lease, commands):
                self._check_first(change)
                if self._is_tested(action) or change.reason in SKIPPED:
                    break
            # Go on only after one change of this kind was undone as it should be.
            commands = self._commands(ids) if self._is_tested(action) else []
        if commands:
            self._submit(commands)
        return True

    def _submit(self, commands: Sequence[Command]) -> None:
        changes = self._backoff.ask_poster(partial(submit_all, self._lease, commands))
        if not changes:
            self._backoff.wait(Job.Stop.LOCKED)
        self._backoff.note(changes)

    def _moved_on(self, commands: Iterable[Command]) -> list[MoveClient]:
        """Find all who have moved on once the job has met one: without that each takes seconds."""
        if not Change.objects.filter(job=self._job, reason__in=SKIPPED).exists():
            return []
        moves = {command.client_id: command for command in commands if isinstance(command, MoveClient)}
        return [
            replace(moves[client_id], seen_in=group_id)
            for found in read_each(self._lease, moves, group_of_client)
            for client_id, group_id in found.items()
            if group_id not in {None, moves[client_id].from_id}
        ]

    def _commands(self, ids: Sequence[uuid.UUID]) -> list[Command]:
        """Return the commands that are due; failures from before the job has stopped do not count.

        A group that was created again has a new id. Moves into groups that are gone are left out.
        """
        stopped_at = self._job.stopped_at
        tries: dict[uuid.UUID | None, list[Change]] = {pk: [] for pk in ids}
        for change in Change.objects.filter(job=self._job, undo_of__in=ids).order_by("created_at"):
            tries[change.undo_of_id].append(change)
        counted = {
            pk: [
                Try.of(each)
                for each in before
                if not (stopped_at and each.created_at < stopped_at and each.state in Change.NOTHING_CHANGED)
            ]
            for pk, before in tries.items()
        }
        due = Change.objects.filter(pk__in=[pk for pk in ids if may_be_tried(counted[pk])])
        present: list[Command] = []
        there: dict[int, bool] = {}
        # The rows are read first: a read of a group may give the connection back to its pool.
        for change, undo in list(undoing(due.order_by("created_at", "pk"))):
            operation = uuid.uuid5(self._job.pk, f"{change.pk} {len(tries[change.pk])}")
            command = replace(undo, operation=operation, job=self._job)
            if not isinstance(command, MoveClient):
                present.append(command)
                continue
            group_id = self._created.get(command.to_id, command.to_id)
            if group_id not in there:
                there[group_id] = self._backoff.ask_poster(partial(is_there, self._lease, group_id))
            if there[group_id]:
                present.append(replace(command, to_id=group_id))
        self._gone -= there.keys()
        self._gone |= {group_id for group_id, found in there.items() if not found}
        return present

    def _is_tested(self, action: Change.Action) -> bool:
        """Return True if the journal shows a change of this kind that the job has undone."""
        first = first_made(self._job, undo_of__action=action)
        if first is not None:
            self._check_first(first)
        return first is not None

    def _check_first(self, change: Change) -> None:
        """Raise `Stopped` if the first write changed more than it should have, and no user accepted that."""
        if change.client_id is not None and change.state == State.REFUSED:
            raise Stopped(Job.Stop.REFUSED, change.message)
        if not is_accepted(self._job, change):
            check_as_intended(change)
