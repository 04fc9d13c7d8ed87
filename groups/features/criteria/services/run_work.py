"""Do the work of a run: read again if its plan is old, and move those who are left of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import batched

from django.conf import settings
from django.utils import timezone

from groups.features.criteria.models import Criteria, CriteriaPin
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import CriteriaReading, GroupsGone, new_reading, read_now
from groups.features.insights.services.sweep import LONGEST_SWEEP
from groups.features.moves.services import AT_ONCE, ClientMove, MovingRun
from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import Content, Pairs
from groups.poster import NotFound
from groups.services.clients import SECONDS_FOR_ALL
from groups.services.groups import list_groups_now
from groups.services.jobs.executor import NOTHING_SENT, Try
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import PutOff, Stopped, sender_of
from groups.services.writes.commands import MoveClient

PLAN_LIFE = timedelta(minutes=2)
"""The age up to which a run trusts the reading that its form has made."""
LONGEST_ON_ONE_PLAN = timedelta(minutes=30)
"""The age up to which a run that is at work goes on with a plan: clients buy meanwhile."""


@dataclass(frozen=True, slots=True)
class RunScope(Content):
    """`wanted` of a run: the fingerprint of its table, all groups that take part, and who is moved.

    `moves` are as read at `planned_at`; without that time they have to be read. `unproven` counts the clients
    who stay because that reading proves nothing of them, and `has_read` is as in `Preview`. `agreed` are the
    pairs to which a person has said yes, and beyond which nobody is moved; None for a night. `beyond` counts
    the clients who are left for that.
    """

    table: str
    groups: tuple[int, ...]
    moves: tuple[ClientMove, ...] = ()
    planned_at: datetime | None = None
    day: date | None = None
    is_night: bool = False
    unproven: int = 0
    has_read: bool = False
    agreed: Pairs | None = None
    beyond: int = 0

    @property
    def pairs(self) -> Pairs:
        """The pairs that a person has agreed to; at night those of its moves."""
        if self.agreed is not None:
            return self.agreed
        return pairs_of((move.from_id, move.to_id) for move in self.moves)

    def planned(self, reading: CriteriaReading) -> "RunScope":
        """Return the scope with the moves of a reading of now."""
        moves, sums = tuple(reading.moves), reading.sums
        scope = replace(self, moves=moves, planned_at=timezone.now(), day=reading.today)
        return replace(scope, unproven=sums.unproven, has_read=sums.has_read, beyond=0)


def pairs_of(moves: Iterable[tuple[int, int]]) -> Pairs:
    """Count moves by the groups from which and to which they lead."""
    return tuple((*pair, clients) for pair, clients in Counter(moves).most_common())


def read_for(
    job: Job,
    credentials: PosterCredentials,
    *,
    seconds: float = SECONDS_FOR_ALL,
    note: Callable[[int], object] | None = None,
) -> CriteriaReading:
    """Read and judge all clients by the table of a run. Raises `Stopped` if that is another one by now."""
    row = Criteria.objects.filter(account=job.account_id).first()
    if row is None or row.fingerprint != RunScope.from_json(job.wanted).table:
        raise Stopped(Job.Stop.CHANGED)
    try:
        reading = new_reading(credentials, Table.from_json(row.table), looks_twice=True)
    except GroupsGone:
        raise Stopped(Job.Stop.TARGET_GONE) from None
    read_now(reading, seconds=seconds, note=note)
    return reading


def left_of(job: Job, moves: Iterable[ClientMove]) -> list[ClientMove]:
    """Return the moves of clients whom this job has not written to: each is written once at most."""
    written = set(_sent_by(job).values_list("client_id", flat=True))
    return [move for move in moves if move.client_id not in written]


def pairs_sent(job: Job) -> list[tuple[int, int]]:
    """Return the groups from which and to which this job has moved each of its clients."""
    return list(_sent_by(job).values_list("loaded__group_id", "intended__group_id"))


def _sent_by(job: Job) -> ChangeQuerySet:
    """Return the writes of a job that were sent, or may have been, without those whose token was refused."""
    sent = Change.objects.filter(job=job, sent_at__isnull=False).exclude(failure=Change.Failure.NO_ACCESS)
    return sent.exclude(state=Change.State.FAILED, reason__in=NOTHING_SENT)


def _within(agreed: Pairs, sent: Iterable[tuple[int, int]], moves: Iterable[ClientMove]) -> list[ClientMove]:
    """Return the first of these moves, as many of each pair as were agreed and not made yet."""
    room, found = Counter[tuple[int, int]](), []
    for from_id, to_id, clients in agreed:
        room[from_id, to_id] += clients
    room.subtract(sent)
    for move in moves:
        if room[move.from_id, move.to_id] > 0:
            room[move.from_id, move.to_id] -= 1
            found.append(move)
    return found


class CriteriaRun(MovingRun):
    """One run of the worker on a job of criteria. Each client is written once at most."""

    def _begin(self) -> None:
        """Make a new plan if it is old."""
        self._moves = self._plan()

    # --- The plan ------------------------------------------------------------------------------------------

    def _plan(self) -> list[ClientMove]:
        """Return who is left to move, by a reading of now or of the last minutes.

        Raises `Stopped` if these are more than the run may move.
        """
        job, scope = self._job, RunScope.from_json(self._job.wanted)
        known = set(scope.moves)
        self._table = scope.table
        is_new = scope.planned_at is not None and timezone.now() - scope.planned_at < PLAN_LIFE
        if is_new and scope.day == timezone.localdate():
            self._check_table()
        else:
            read = partial(read_for, seconds=LONGEST_SWEEP, note=lambda _read: self._lease.check())
            scope = scope.planned(self._ask_of_account(partial(read, job, sender_of(job))))
        self._planned_at = scope.planned_at or timezone.now()
        left, sent = left_of(job, scope.moves), pairs_sent(job)
        most = job.allowed_clients if job.request_id is not None else None
        if most is None:
            most = JobKind.of(job).most_clients
        if most is not None and len(sent) + len(left) > most:
            raise Stopped(Job.Stop.BEYOND_LIMITS)
        if scope.agreed is not None:
            agreed = _within(scope.agreed, sent, sorted(left, key=lambda move: move not in known))
            scope = replace(scope, moves=tuple(agreed), beyond=scope.beyond + len(left) - len(agreed))
            left = agreed
        job.move_on(Job.State.RUNNING, wanted=scope.to_json(), total=len(sent) + len(left))
        return left

    def _ask_of_account[T](self, question: Callable[[], T]) -> T:
        """Ask Poster for lists that every account has; where it denies one, put the run off."""
        try:
            return self._backoff.ask_poster(question)
        except NotFound:
            self._backoff.wait()

    def _check_table(self) -> None:
        if not Criteria.objects.filter(account=self._job.account_id, fingerprint=self._table).exists():
            raise Stopped(Job.Stop.CHANGED)

    # --- The clients to move -------------------------------------------------------------------------------

    def _pages(self) -> Iterator[Sequence[ClientMove]]:
        for number, some in enumerate(batched(self._moves, AT_ONCE, strict=False)):
            if self._commands(some):
                if number and timezone.now() - self._planned_at > LONGEST_ON_ONE_PLAN:
                    raise PutOff  # the next run makes a new plan
                self._check_targets({move.to_id for move in some})
                self._keep(some)
                yield some

    def _check_targets(self, ids: set[int]) -> None:
        """Raise `Stopped` if a group that clients go to is gone, by two looks."""
        for is_second in (False, True):
            found = self._ask_of_account(lambda: list_groups_now(sender_of(self._job)))
            if ids <= {group.id for group in found.groups}:
                return
            if not is_second:
                self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
        raise Stopped(Job.Stop.TARGET_GONE)

    def _commands(self, page: Sequence[ClientMove]) -> list[MoveClient]:
        pinned = CriteriaPin.objects.pinned(self._job.account_id)
        return super()._commands([move for move in page if move.client_id not in pinned])

    def _may_be_tried(self, before: list[Try]) -> bool:
        return all(each.sent_nothing or each.is_without_access for each in before)

    def _taken(self, commands: Iterable[MoveClient]) -> Iterator[MoveClient]:
        """Yield the commands of clients who are not pinned at the moment when they are taken.

        Raises `Stopped` if somebody has saved another table by then.
        """
        for command in commands:
            self._check_table()
            pins = CriteriaPin.objects.in_force(self._job.account_id)
            if not pins.filter(client_id=command.client_id).exists():
                yield command
