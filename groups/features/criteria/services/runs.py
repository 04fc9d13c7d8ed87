"""Run the table: the job that moves all clients who belong elsewhere, and the bound on how many.

The form reads and judges all clients, and the job moves those alone whom that reading named. If it begins, or
goes on, long after that, it reads again: nobody is moved whom a preview would not show. Each client is
written once at most in a run.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.criteria.models import CHANGE_CRITERIA, KIND, Criteria, CriteriaPin
from groups.features.criteria.services.reading import CriteriaReading, GroupsGone, Move, new_reading, read_now
from groups.features.criteria.services.tables import SavedTable
from groups.features.insights.services.sweep import LONGEST_SWEEP
from groups.features.snapshots.services import snapshots
from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import ClientAfter, Content
from groups.models.locks import members_key
from groups.models.submissions import Submission
from groups.poster import NotFound
from groups.services.clients import SECONDS_FOR_ALL
from groups.services.groups import list_groups_now
from groups.services.jobs.executor import (
    NOTHING_SENT,
    OutageBackoff,
    first_made,
    run_passes,
    submit_all,
    submit_one_by_one,
)
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped, user_and_credentials
from groups.services.values import NumberFormat, clients_words
from groups.services.writes.commands import MoveClient
from groups.services.writes.gates import Gate
from groups.services.writes.not_sent import Held
from groups.services.writes.reach import Reach, reached_by

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = Change.State
AT_ONCE = 250
"""Clients of whom the groups that they go to are read once more."""
PLAN_LIFE = timedelta(minutes=2)
"""The age up to which a run trusts the reading that its form has made."""
LOCK = KIND
"""The lock key that one run of an account holds at a time."""


class TooManyMoves(Held):
    """A run would move more clients than its table allows, and nobody has said yes to it."""

    def __init__(self, moves: int, most: int) -> None:
        super().__init__()
        self.moves = moves
        self.most = most


@dataclass(frozen=True, slots=True)
class RunScope(Content):
    """`wanted` of a run: the fingerprint of its table, all groups that take part, and who is moved.

    `moves` are client, group and new group of each, as read at `planned_at`; without that time they have to
    be read. `names` are those of the groups, in the same order.
    """

    table: str
    groups: tuple[int, ...]
    names: tuple[str, ...] = ()
    moves: tuple[tuple[int, int, int], ...] = ()
    planned_at: datetime | None = None
    day: date | None = None
    is_night: bool = False


class Run(JobKind):
    """Move the clients of an account to the groups in which they belong by its criteria."""

    kind = KIND
    label = gettext_lazy("criteria run")
    done_label = pgettext_lazy("parts of a job", "moved")
    permissions: ClassVar[tuple[str, ...]] = (CHANGE_CRITERIA, MoveClient.permission)
    moves_clients = True

    @property
    def scope(self) -> RunScope:
        return RunScope.from_json(self.job.wanted)

    @property
    def lock_keys(self) -> frozenset[str]:
        """All groups of the table: a reading that is made again may move clients of any of them."""
        return super().lock_keys | {LOCK, *map(members_key, self.scope.groups)}

    @property
    def asked_for(self) -> tuple[Any, ...]:
        """Nothing beside the id: who is moved is read from Poster."""
        return ()

    @property
    def most_clients(self) -> int | None:
        row = Criteria.objects.filter(account=self.job.account_id).first()
        return SavedTable.of(row).table.max_moves if row else None

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the clients of the plan; for a run that was asked for, or has stopped, as read anew."""
        moves = len(self.scope.moves)
        if credentials is not None and not self.job._state.adding:
            try:
                left = _left(self.job, _read(self.job, credentials).moves)
            except Stopped:
                left = []  # the table is another one by now: the worker stops the run
            moves = len(left) + reached_by(self.job.pk)
        return Reach(clients=moves)

    @property
    def group_ids(self) -> list[int]:
        """The groups that clients are moved out of."""
        return sorted({from_id for _client, from_id, _to in self.scope.moves})

    def columns_for(self, groups: Iterable[Any]) -> dict[str, Any]:
        """Let the run of an approver read again, with their token."""
        return {"wanted": replace(self.scope, moves=(), planned_at=None).to_json()}

    def work(self, lease: JobLease) -> None:
        _Run(lease).run()

    @property
    def title(self) -> str:
        return _("Criteria: %(clients)s") % {"clients": clients_words(self.job.total)}

    @property
    def request_words(self) -> str:
        scope, count = self.scope, NumberFormat.current().count
        names = dict(zip(scope.groups, scope.names, strict=False))
        pairs: dict[tuple[int, int], int] = {}
        for _client, from_id, to_id in scope.moves:
            pairs[from_id, to_id] = pairs.get((from_id, to_id), 0) + 1
        lines = [
            f"“{names.get(from_id, from_id)}” → “{names.get(to_id, to_id)}”: {count(clients)}"
            for (from_id, to_id), clients in pairs.items()
        ]
        return _("The criteria move %(pairs)s.") % {"pairs": "; ".join(lines)} if lines else ""

    @property
    def words_at_end(self) -> str:
        if not self.job.total:
            return _("Everybody is where they belong.")
        left = _("Who is pinned, has moved on, or could not be read was left as they are.")
        return f"{_('A worker has started it at night.')} {left}" if self.scope.is_night else left


class MostMovesGate(Gate):
    """Refuse a run of more clients than its table allows, where nobody can be asked: requests are off.

    Where they are on, the gate of the limits comes first, and makes a request of it.
    """

    order = 60

    def before_job(self, job: Job, user: "User") -> None:
        if job.kind != Run.kind or job.request_id is not None:
            return
        most, moves = JobKind.of(job).most_clients, len(RunScope.from_json(job.wanted).moves)
        if most is not None and moves > most:
            raise TooManyMoves(moves, most)


# --- Planning ----------------------------------------------------------------------------------------------


def submission_of(operation: uuid.UUID, user: "User", credentials: PosterCredentials) -> Submission:
    """Return the form of a user that asks for a run."""
    wanted = RunScope("", ()).to_json()
    job = Job(id=operation, account=credentials.account, user=user, kind=Run.kind, wanted=wanted)
    return job.submission


def unfinished_run(credentials: PosterCredentials) -> Job | None:
    """Return the run of an account that has not ended, or None."""
    runs = Job.objects.unfinished().filter(account=credentials.account_id, kind=Run.kind)
    return runs.order_by("created_at").first()


def plan_run(
    *,
    user: "User",
    credentials: PosterCredentials,
    operation: uuid.UUID,
    reading: CriteriaReading,
    is_read: bool = True,
    is_night: bool = False,
) -> Job:
    """Return the unsaved job that moves the clients whom a finished reading has named.

    Without `is_read` the reading came to no end, and the worker makes its own.
    """
    if not user.has_perms(Run.permissions):
        raise PermissionDenied
    names = {group_id: reading.groups[group_id].name[:100] for group_id in reading.table.groups}
    groups = reading.table.groups
    scope = RunScope(reading.table.fingerprint, groups, tuple(names.values()), is_night=is_night)
    moves = reading.moves if is_read else []
    if is_read:
        scope = _planned(scope, moves, reading.today)
    sources = {move.from_id: names[move.from_id] for move in moves}
    targets = {move.to_id: names[move.to_id] for move in moves}
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=Run.kind,
        group_name=", ".join(sources.values())[:400],
        target_name=", ".join(targets.values())[:400],
        wanted=scope.to_json(),
        total=len(moves),
    )


def _planned(scope: RunScope, moves: Iterable[Move], today: date) -> RunScope:
    planned = tuple((move.client_id, move.from_id, move.to_id) for move in moves)
    return replace(scope, moves=planned, planned_at=timezone.now(), day=today)


def _read(
    job: Job,
    credentials: PosterCredentials,
    *,
    seconds: float = SECONDS_FOR_ALL,
    check: Callable[[int], object] | None = None,
) -> CriteriaReading:
    """Read and judge all clients by the table of a run. Raises `Stopped` if that is another one by now."""
    row = Criteria.objects.filter(account=job.account_id).first()
    saved = SavedTable.of(row) if row else None
    if saved is None or saved.row.fingerprint != RunScope.from_json(job.wanted).table:
        raise Stopped(Job.Stop.CHANGED)
    try:
        reading = new_reading(credentials, saved.table)
    except GroupsGone:
        raise Stopped(Job.Stop.TARGET_GONE) from None
    read_now(reading, seconds=seconds, note=check)
    return reading


def _left(job: Job, moves: Iterable[Move]) -> list[Move]:
    """Return the moves of clients whom this job has not written to: each is written once at most."""
    written = set(_sent(job).values_list("client_id", flat=True))
    return [move for move in moves if move.client_id not in written]


def _sent(job: Job) -> ChangeQuerySet:
    """Return the writes of a job that were sent, or may have been."""
    sent = Change.objects.filter(job=job, sent_at__isnull=False)
    return sent.exclude(state=State.FAILED, reason__in=NOTHING_SENT)


# --- The work ----------------------------------------------------------------------------------------------


class _Run:
    """One run of the worker on a job."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = OutageBackoff(lease)

    def run(self) -> None:
        """Read again if the plan is old, take a snapshot of each group, and move the clients in passes."""
        if not self._job.tested and (first := first_made(self._job, Change.Action.MOVE)):
            self._check_first(first)
        self._moves = self._plan()
        for group_id in sorted({move.from_id for move in self._moves}):
            self._take_snapshot(group_id)
        run_passes(self._lease, self._pass)

    def _plan(self) -> list[Move]:
        """Return who is left to move, by a reading of now or of the last minutes.

        Raises `Stopped` if these are more than the run may move.
        """
        scope = RunScope.from_json(self._job.wanted)
        is_new = scope.planned_at is not None and timezone.now() - scope.planned_at < PLAN_LIFE
        if is_new and scope.day == timezone.localdate():
            planned = [Move(*each) for each in scope.moves]
            self._check_table(scope)
        else:
            _user, credentials = user_and_credentials(self._job)
            reading = self._backoff.ask_poster(
                partial(
                    _read,
                    self._job,
                    credentials,
                    seconds=LONGEST_SWEEP,
                    check=partial(_check, self._lease),
                )
            )
            planned = reading.moves
            scope = _planned(scope, planned, reading.today)
        left = _left(self._job, planned)
        reached = _sent(self._job).values("client_id").distinct().count()
        self._check_bound(reached + len(left))
        self._job.move_on(Job.State.RUNNING, wanted=scope.to_json(), total=reached + len(left))
        return left

    def _check_table(self, scope: RunScope) -> None:
        if not Criteria.objects.filter(account=self._job.account_id, fingerprint=scope.table).exists():
            raise Stopped(Job.Stop.CHANGED)

    def _check_bound(self, clients: int) -> None:
        job = self._job
        most = job.allowed_clients if job.request_id is not None else None
        if most is None:
            most = JobKind.of(job).most_clients
        if most is not None and clients > most:
            raise Stopped(Job.Stop.BEYOND_LIMITS)

    def _take_snapshot(self, group_id: int) -> None:
        chosen = [move.client_id for move in self._moves if move.from_id == group_id]
        try:
            self._backoff.ask_poster(
                lambda: snapshots.take_snapshot_for_job(
                    self._job, group_id, chosen, *user_and_credentials(self._job), self._lease.check
                )
            )
        except NotFound:
            raise Stopped(Job.Stop.SOURCE_GONE) from None

    def _pass(self) -> bool:
        """Go through the clients once; return True if any was tried."""
        tried = False
        for some in batched(self._moves, AT_ONCE, strict=False):
            if not self._commands(some):
                continue
            tried = True
            self._check_targets({move.to_id for move in some})
            if not self._job.tested:
                self._test(self._commands(some))
            if self._job.tested:
                self._send(some)
        return tried

    def _check_targets(self, ids: set[int]) -> None:
        """Raise `Stopped` if a group that clients go to is gone, by two looks."""
        for is_second in (False, True):
            groups = self._backoff.ask_poster(self._list_groups)
            if ids <= groups:
                return
            if not is_second:
                self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
        raise Stopped(Job.Stop.TARGET_GONE)

    def _list_groups(self) -> set[int]:
        _user, credentials = user_and_credentials(self._job)
        return {group.id for group in list_groups_now(credentials).groups}

    def _test(self, commands: list[MoveClient]) -> None:
        """Move clients one by one until one move is applied."""
        for change in submit_one_by_one(self._lease, self._unpinned(commands)):
            self._check_first(change)
            if self._job.tested:
                break

    def _send(self, moves: Iterable[Move]) -> None:
        """Move clients, several at a time."""
        commands = self._commands(moves)
        changes = submit_all(self._lease, self._unpinned(commands)) if commands else []
        if not changes and self._commands(moves):
            self._backoff.wait(Job.Stop.LOCKED)
        self._backoff.note(changes)

    def _commands(self, moves: Iterable[Move]) -> list[MoveClient]:
        """Return the commands for the clients of whom nothing was sent yet, and who are not pinned."""
        pins = CriteriaPin.objects.in_force(self._job.account_id, timezone.localdate())
        pinned = set(pins.values_list("client_id", flat=True))
        moves = [move for move in moves if move.client_id not in pinned]
        tries: dict[int | None, list[str]] = {move.client_id: [] for move in moves}
        rows = Change.objects.filter(job=self._job, client_id__in=[move.client_id for move in moves])
        for client_id, state, reason in rows.values_list("client_id", "state", "reason"):
            tries[client_id].append(reason if state == State.FAILED else "sent")
        return [
            MoveClient(
                operation=uuid.uuid5(self._job.pk, f"{move.client_id} {len(tries[move.client_id])}"),
                job=self._job,
                client_id=move.client_id,
                from_id=move.from_id,
                to_id=move.to_id,
            )
            for move in sorted(moves, key=lambda move: len(tries[move.client_id]))
            if NOTHING_SENT.issuperset(tries[move.client_id])
        ]

    def _unpinned(self, commands: Iterable[MoveClient]) -> Iterator[MoveClient]:
        """Yield the commands of clients who are not pinned at the moment when they are taken."""
        for command in commands:
            pins = CriteriaPin.objects.in_force(self._job.account_id, timezone.localdate())
            if not pins.filter(client_id=command.client_id).exists():
                yield command

    def _check_first(self, change: Change) -> None:
        if change.state == State.REFUSED:
            raise Stopped(Job.Stop.REFUSED, change.message)
        if change.state in Change.MADE:
            if changed := ClientAfter.from_json(change.after).changed:
                raise Stopped(Job.Stop.SIDE_EFFECT, ", ".join(changed))
            self._job.move_on(Job.State.RUNNING, tested=True)


def _check(lease: JobLease, _read: int) -> None:
    lease.check()
