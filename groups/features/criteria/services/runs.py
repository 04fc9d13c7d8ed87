"""Save the table of an account, pin clients, and run the table: by hand, and every night.

The form of a run reads and judges all clients, and the job moves those alone that this reading named. If it
begins, or goes on, long after that, it reads again: nobody is moved that a preview would not show. A client
is written once at most in a run.

A worker makes one run a night of each nightly table, whatever dies. The id of its job follows from the
account and the night, so a worker that takes over from a killed one finds what that has started. A nightly
run that no worker could begin in time is left out.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services import BeyondLimits, ask_for, requests_of
from groups.features.criteria.models import CHANGE_CRITERIA, KIND, NIGHTS, Criteria, CriteriaPin, CriteriaSave
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import (
    CriteriaReading,
    GroupsGone,
    SalesRefused,
    new_reading,
    saved_criteria,
)
from groups.features.insights.services.sweep import LONGEST_SWEEP, read_now
from groups.features.moves.services import AT_ONCE, ClientMove, MovingRun
from groups.models import Change, ChangeQuerySet, Job, Lock, PosterAccount, PosterCredentials
from groups.models.contents import Content, Effect, Pairs
from groups.models.leases import RELEASED, Columns
from groups.models.locks import members_key
from groups.models.submissions import approvable_kinds
from groups.poster import NotFound
from groups.services.clients import SECONDS_FOR_ALL
from groups.services.due import DueRowRefused, Hold, LeaseLost, Turn, run_due
from groups.services.events import Event, event_source, job_words, key_of_end, one_line
from groups.services.gateway import check_token
from groups.services.groups import list_groups_now
from groups.services.installation.maintenance import prune, routine
from groups.services.jobs import kinds, queue
from groups.services.jobs.executor import NOTHING_SENT, Try
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, PutOff, Stopped, sender_of
from groups.services.values import NumberFormat, clients_words
from groups.services.writes import submissions
from groups.services.writes.commands import MoveClient
from groups.services.writes.reach import Reach, reached_by
from groups.services.writes.submissions import find_known, raise_if_locked

log = logging.getLogger("groups.jobs")

Held = Criteria.Held
PLAN_LIFE = timedelta(minutes=2)
"""The age up to which a run trusts the reading that its form has made."""
LONGEST_ON_ONE_PLAN = timedelta(minutes=30)
"""The age up to which a run that is at work goes on with a plan: clients buy meanwhile."""
LATEST = timedelta(hours=6)
"""A nightly run that could not begin for so long is left out: its work would be done amid the day."""


# --- The table ---------------------------------------------------------------------------------------------


class SavedSince(Exception):
    """Somebody has saved another table since the form was opened; `now` is that one. Nothing was saved."""

    def __init__(self, now: Criteria | None) -> None:
        super().__init__()
        self.now = now


def version_of(saved: Criteria | None) -> str:
    """Return what a form carries to say on which table it was opened; "none" where there was none yet."""
    return f"{saved.fingerprint}{'+' if saved.nightly else ''}" if saved else "none"


def save_table(
    table: Table, *, nightly: bool, credentials: PosterCredentials, operation: uuid.UUID, version: str
) -> bool:
    """Save the table, if it is still the one of this `version`; return False if it is the same already.

    The same form sent twice is one save. It lets held nightly runs go on, with the rights and token of this
    user. Raises `SavedSince`, and as `find_known`.
    """
    content = table.to_json()
    if not credentials.user.has_perm(CHANGE_CRITERIA):
        raise PermissionDenied
    by = credentials.sender_columns | {"saved_at": timezone.now()}
    save = CriteriaSave(id=operation, table=content | {"nightly": nightly}, **by)
    values = {"table": content, "fingerprint": table.fingerprint, "nightly": nightly, **by}
    values |= {"held": "", "held_at": None, "left_out_at": None, "tries": 0, "refused_at": None}
    # A nightly run that is under way with the table of before loses its lease, and starts nothing.
    values |= RELEASED
    try:
        with transaction.atomic():
            rows = Criteria.objects.select_for_update().filter(account=credentials.account_id)
            row = rows.first()
            # The same form may have been saved while this one waited for the row.
            if find_known(save.submission, CriteriaSave) is not None:
                return True
            if version != version_of(row):
                raise SavedSince(row)
            save.save(force_insert=True)
            night = (row and row.night_at) or NIGHTS.next(timezone.now())
            values["night_at"] = values["next_at"] = night if nightly else None
            if row is None:
                Criteria.objects.create(**values)
                return True
            rows.update(**values)
            return (row.fingerprint, row.nightly) != (table.fingerprint, nightly)
    except IntegrityError:
        # The same form, or the first table of somebody else, was saved at the same moment.
        if find_known(save.submission, CriteriaSave) is not None:
            return True
        raise SavedSince(saved_criteria(credentials)) from None


def pins_of(credentials: PosterCredentials) -> QuerySet[CriteriaPin]:
    """Raises `TokenRejected` if Poster refused the token."""
    check_token(credentials)
    return CriteriaPin.objects.in_force(credentials.account_id)


@prune("pins of criteria")
def forget_ended_pins() -> int:
    return CriteriaPin.objects.filter(until__lt=timezone.localdate()).delete()[0]


submissions.register(CriteriaSave.objects.all())


# --- The work of a run -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunScope(Content):
    """`wanted` of a run: the fingerprint of its table, all groups that take part, and who is moved.

    `moves` are as read at `planned_at`; without that time they have to be read. `unproven` counts the clients
    who stay because that reading proves nothing of them, and `has_read` is as in `Preview`. `agreed` are the
    pairs that a person has approved, beyond which nobody is moved; None for a nightly run. `beyond` counts
    the clients who are left for that, and `against` those that Poster's own rules move elsewhere again.
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
    against: int = 0

    @property
    def pairs(self) -> Pairs:
        """The pairs that a person has agreed to; at night those of its moves."""
        return pairs_of(self.moves) if self.agreed is None else self.agreed

    def planned(self, reading: CriteriaReading) -> "RunScope":
        moves, sums = tuple(reading.moves), reading.sums
        scope = replace(self, moves=moves, planned_at=timezone.now(), day=reading.today)
        against = sum(sum(pair.against.values()) for pair in sums.pairs)
        return replace(scope, unproven=sums.unproven, has_read=sums.has_read, beyond=0, against=against)


def pairs_of(moves: Iterable[ClientMove]) -> Pairs:
    counts = Counter((move.from_id, move.to_id) for move in moves)
    return tuple((*pair, clients) for pair, clients in counts.most_common())


def reading_for(job: Job, credentials: PosterCredentials) -> CriteriaReading:
    """Return a reading by the table of a run. Raises `Stopped` if that is another one by now."""
    row = Criteria.objects.filter(account=job.account_id).first()
    if row is None or row.fingerprint != RunScope.from_json(job.wanted).table:
        raise Stopped(Job.Stop.CHANGED)
    try:
        return new_reading(credentials, Table.from_json(row.table), looks_twice=True)
    except GroupsGone:
        raise Stopped(Job.Stop.TARGET_GONE) from None


def left_of(job: Job, moves: Iterable[ClientMove]) -> list[ClientMove]:
    """Return the moves of clients that this job has not written to: each is written once at most."""
    written = set(_sent_by(job).values_list("client_id", flat=True))
    return [move for move in moves if move.client_id not in written]


def pairs_sent(job: Job) -> list[tuple[int, int]]:
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
    def _begin(self) -> None:
        """Find out who is left to move, by a reading of now or of the last minutes.

        Raises `Stopped` if these are more than the run may move.
        """
        job, scope = self._job, RunScope.from_json(self._job.wanted)
        known = set(scope.moves)
        self._table = scope.table
        is_new = scope.planned_at is not None and timezone.now() - scope.planned_at < PLAN_LIFE
        if is_new and scope.day == timezone.localdate():
            self._check_table()
        else:
            scope = scope.planned(self._ask_of_account(self._read))
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
        self._moves = left

    def _read(self) -> CriteriaReading:
        reading = reading_for(self._job, sender_of(self._job))
        read_now(reading, seconds=LONGEST_SWEEP, note=lambda _read: self._lease.check())
        return reading

    def _ask_of_account[T](self, question: Callable[[], T]) -> T:
        """Ask Poster for lists that every account has; where it denies one, put the run off."""
        try:
            return self._backoff.ask_poster(question)
        except NotFound:
            self._backoff.wait()

    def _check_table(self) -> None:
        if not Criteria.objects.filter(account=self._job.account_id, fingerprint=self._table).exists():
            raise Stopped(Job.Stop.CHANGED)

    def _pages(self) -> Iterator[Sequence[ClientMove]]:
        for number, some in enumerate(batched(self._moves, AT_ONCE, strict=False)):
            if self._commands(some):
                if number and timezone.now() - self._planned_at > LONGEST_ON_ONE_PLAN:
                    raise PutOff  # the next run makes a new plan
                self._check_targets({move.to_id for move in some})
                self._keep(some)
                yield some

    def _check_targets(self, ids: set[int]) -> None:
        """Raise `Stopped` if a group that clients go to is gone, by two checks."""
        for pause in (settings.POSTER_CONFIRM_SECONDS, None):
            found = self._ask_of_account(lambda: list_groups_now(sender_of(self._job)))
            if ids <= {group.id for group in found.groups}:
                return
            if pause is not None:
                self._lease.wait(pause)
        raise Stopped(Job.Stop.TARGET_GONE)

    def _commands(self, page: Sequence[ClientMove]) -> list[MoveClient]:
        pinned = CriteriaPin.objects.pinned(self._job.account_id)
        return super()._commands([move for move in page if move.client_id not in pinned])

    def _may_be_tried(self, before: list[Try]) -> bool:
        return all(each.counts_as_none for each in before)

    def _taken(self, commands: Iterable[MoveClient]) -> Iterator[MoveClient]:
        """Yield the commands of clients who are not pinned at the moment when they are taken.

        Raises `Stopped` if somebody has saved another table by then.
        """
        for command in commands:
            self._check_table()
            pins = CriteriaPin.objects.in_force(self._job.account_id)
            if not pins.filter(client_id=command.client_id).exists():
                yield command


@kinds.register
class Run(JobKind):
    kind = KIND
    label = gettext_lazy("run of the automatic groups")
    done_label = pgettext_lazy("parts of a job", "moved")
    permissions: ClassVar[tuple[str, ...]] = (CHANGE_CRITERIA, MoveClient.permission)
    moves_clients = True

    @property
    def scope(self) -> RunScope:
        return RunScope.from_json(self.job.wanted)

    def may_be_undone_by(self, user: User) -> bool:
        """Return True for users who may move clients: to take a run back changes no criteria."""
        return user.has_perm(MoveClient.permission)

    @property
    def lock_keys(self) -> frozenset[str]:
        """All groups of the table: a reading that is made again may move clients of any of them.

        And one key more, so that an account has one run at a time.
        """
        return super().lock_keys | {KIND, *map(members_key, self.scope.groups)}

    @property
    def form_values(self) -> tuple[Any, ...]:
        return ()  # who is moved is read from Poster

    @property
    def most_clients(self) -> int | None:
        row = Criteria.objects.filter(account=self.job.account_id).first()
        return row.table["max_moves"] if row else None

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the clients of the plan; for a run that was requested, or has stopped, as read again."""
        pairs = self.scope.pairs if credentials is None else self.pairs(credentials)
        return Reach(clients=sum(clients for *_pair, clients in pairs) + reached_by(self.job.pk))

    def pairs(self, credentials: PosterCredentials) -> Pairs:
        """Return those of the plan for a new job, else those who are left to move, as read now."""
        if self.job._state.adding:
            return self.scope.pairs
        try:
            reading = reading_for(self.job, credentials)
        except Stopped:
            return ()  # the table is another one by now: the worker stops the run
        read_now(reading, seconds=SECONDS_FOR_ALL)
        return pairs_of(left_of(self.job, reading.moves))

    @property
    def group_ids(self) -> list[int]:
        return list(self.scope.groups)

    @property
    def is_counted(self) -> bool:
        """Return False for a run whose worker has yet to read all clients, as while Poster is slow."""
        return bool(self.job.total) or self.job.is_over or self.scope.planned_at is not None

    def columns_for(self, now: Effect) -> dict[str, Any]:
        """Let the run of an approver read again, with their token, and move nobody beyond what they saw."""
        made = ((*pair, 1) for pair in pairs_sent(self.job))
        agreed = (*now.pairs, *made)
        return {"wanted": replace(self.scope, moves=(), planned_at=None, agreed=agreed).to_json()}

    def work(self, lease: JobLease) -> None:
        CriteriaRun(lease).run()

    @property
    def title(self) -> str:
        words = clients_words(self.job.total) if self.is_counted else _("clients not counted yet")
        return _("Automatic groups: %(clients)s") % {"clients": words}

    @property
    def words_at_end(self) -> str:
        scope, count, sentences = self.scope, NumberFormat.current().count, []
        if scope.is_night:
            sentences.append(_("A worker has started it at night."))
        if self.job.total:
            sentences.append(
                _("Those who are pinned, have moved on, or could not be read were left as they are.")
            )
        if scope.beyond:
            words = ngettext(
                "%(count)s client belongs elsewhere only since the yes, and was left for the next run.",
                "%(count)s clients belong elsewhere only since the yes, and were left for the next run.",
                scope.beyond,
            )
            sentences.append(words % {"count": count(scope.beyond)})
        if scope.unproven:
            words = ngettext(
                "%(count)s client of whom nothing is proven stays where they are.",
                "%(count)s clients of whom nothing is proven stay where they are.",
                scope.unproven,
            )
            sentences.append(words % {"count": count(scope.unproven)})
        elif not self.job.total and not scope.beyond:
            sentences.append(_("Everybody is where they belong."))
        return " ".join(sentences)


# --- A run by hand ---------------------------------------------------------------------------------------


def requested_run(row: Criteria | None, credentials: PosterCredentials) -> ApprovalRequest | None:
    """Return the request for a run of this very table that waits and that a user may see, or None."""
    if row is None:
        return None
    requests = requests_of(credentials).waiting().filter(job__kind=Run.kind)
    return requests.filter(job__wanted__table=row.fingerprint).first()


def seen_of(reading: CriteriaReading, pairs: Pairs) -> str:
    """Return a hash of the table and of what its preview shows: pairs, counts, terms of all groups."""
    groups = tuple(reading.groups[group_id] for group_id in reading.table.groups)
    effect = Effect(groups, clients=sum(clients for *_pair, clients in pairs), pairs=pairs)
    return f"{effect.mark}{reading.table.fingerprint}"


def plan_run(
    reading: CriteriaReading, *, operation: uuid.UUID, agreed: Pairs | None, is_read: bool = True
) -> Job:
    """Return the unsaved job that moves the clients that a finished reading has named.

    `agreed` are the pairs that a person has seen, None at night. Without `is_read` the reading came to no
    end, and the worker makes its own.
    """
    if not reading.credentials.user.has_perms(Run.permissions):
        raise PermissionDenied
    table = reading.table
    scope = RunScope(table.fingerprint, table.groups, agreed=agreed, is_night=agreed is None)
    if is_read:
        scope = scope.planned(reading)
    sides = (dict.fromkeys(pair[side] for pair in scope.pairs) for side in (0, 1))
    names = [", ".join(reading.groups[each].name[:100] for each in side)[:400] for side in sides]
    return Job(
        id=operation,
        **reading.credentials.sender_columns,
        kind=Run.kind,
        group_name=names[0],
        target_name=names[1],
        wanted=scope.to_json(),
        total=len(scope.moves),
    )


# --- Nightly runs ----------------------------------------------------------------------------------------


def accounts_due() -> list[str]:
    if not settings.CRITERIA_SECONDS:
        return []
    # Tables that were saved while nightly runs were switched off on this server.
    without = Criteria.objects.filter(nightly=True, held="", night_at=None)
    if without.exists():
        night = NIGHTS.next(timezone.now())
        without.update(night_at=night, next_at=night)
    return list(Criteria.objects.filter(nightly=True).due().values_list("account", flat=True))


def was_run_by_hand(row: Criteria) -> bool:
    """Return True if a person has run the table to its end since it was another one, and it could be read.

    Only then it runs at night. To switch nightly runs on or off changes nothing of the table.
    """
    of_table = Job.objects.filter(account=row.account_id, kind=KIND, wanted__table=row.fingerprint)
    for save in CriteriaSave.objects.filter(account=row.account_id).iterator():  # the latest first
        if Table.from_json(save.table).fingerprint != row.fingerprint:
            of_table = of_table.filter(created_at__gt=save.saved_at)
            break
    by_hand = of_table.filter(state=Job.State.DONE, wanted__is_night=False, wanted__has_read=True)
    return by_hand.exists()


def what_waits(row: Criteria) -> Job | ApprovalRequest | None:
    """Return what a person has to decide before a nightly run can begin; None if there is nothing.

    It is a job that has stopped or was paused, a run or another one that holds a group of the table; or the
    request for a run.
    """
    in_the_way = Q(kind=KIND) | Q(locks__key__in=map(members_key, Table.from_json(row.table).groups))
    halted = Job.objects.filter(in_the_way, account=row.pk, state__in=Job.HALTED).defer("wanted")
    requests = ApprovalRequest.objects.waiting().filter(
        account=row.pk, kind__in=approvable_kinds, job__kind=KIND
    )
    return halted.order_by("created_at").first() or requests.first()


def what_holds(row: Criteria) -> Job | Change | None:
    """Return what a nightly run waits for until LATEST: a job or a removal that has a group of the table."""
    lock = Lock.objects.in_the_way(row.pk, _job_of(row).lock_keys)
    return (lock.job or lock.change) if lock else None


def _job_of(row: Criteria) -> Job:
    table = Table.from_json(row.table)
    wanted = RunScope(table.fingerprint, table.groups).to_json()
    return Job(account=row.account, user_id=row.user_id, kind=KIND, wanted=wanted)


@routine("criteria at night", pause=5.0, for_each=accounts_due)
def run_night(account: str) -> None:
    run_due(Criteria.objects.filter(nightly=True, pk=account).select_related("account"), _begin)


def _begin(turn: Turn[Criteria]) -> Columns:
    """Start the run of the night, ask for it or leave it out; return the columns that say what comes next.

    Raises what keeps a run from being read and started.
    """
    row = turn.row
    night = row.night_at or timezone.now()
    operation = uuid.uuid5(uuid.NAMESPACE_URL, f"{KIND} {row.pk} {night.isoformat()}")
    if Job.objects.filter(pk=operation).exists() or not was_run_by_hand(row):
        return _over()
    if what_waits(row):
        return _left_out(row, "a job waits for a person")
    if NIGHTS.are_at_an_hour and timezone.now() - night > LATEST:
        is_held = what_holds(row) is not None
        return _left_out(row, "something holds a group") if is_held else _over()
    table, job, credentials = Table.from_json(row.table), _job_of(row), turn.credentials
    # Checked first: a try that cannot start would read all clients for nothing.
    raise_if_locked(row.pk, job.lock_keys)
    try:
        reading = new_reading(credentials, table, looks_twice=True, needs_sales=bool(table.periods))
        read_now(reading, seconds=LONGEST_SWEEP)
    except GroupsGone:
        raise Hold(Held.GROUP_GONE) from None
    except SalesRefused:
        raise DueRowRefused(Held.NO_SALES) from None
    # No row once somebody has saved the table since the run began: the next one begins with that of then.
    if not turn.lease.row.exists():
        raise LeaseLost
    if reading.moves:
        job = plan_run(reading, operation=operation, agreed=None)
        try:
            queue.start(job)
        except BeyondLimits as beyond:
            ask_for(job, credentials.user, beyond.breaches)
        log.info("The criteria of account %s move %s clients at night", row.pk, job.total)
    return _over()


def _over(**values: Any) -> Columns:
    night = NIGHTS.next(timezone.now(), after_one=True)
    return {"night_at": night, "next_at": night, **values}


def _left_out(row: Criteria, reason: str) -> Columns:
    log.warning("The criteria of account %s leave a nightly run out: %s", row.pk, reason)
    return _over(left_out_at=timezone.now())


NIGHTS_END = gettext_lazy("The automatic groups will not run at night until somebody saves them again.")
WAITS = gettext_lazy("A night of automatic groups was left out: a bulk change of them waits for a person.")
BUSY = gettext_lazy("A night of automatic groups was left out: another bulk change or a removal held them.")


@event_source("criteria", gettext_lazy("The automatic groups moved clients at night, or no longer do so"))
def find_nights(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the nightly runs that have moved clients or stopped, were left out, or no longer take place.

    One that has moved nobody is no event. The end of its job has the same key here as among the jobs, so
    nobody is notified of it twice.
    """
    jobs = Job.objects.filter(account=account, kind=KIND, wanted__is_night=True).order_by()
    for job in jobs.filter(state=Job.State.DONE, finished_at__gt=since):
        moved = Change.objects.filter(job=job, state__in=Change.MADE).count()
        if moved and job.finished_at:
            key, text = key_of_end(job, job.finished_at), partial(moved_words, job, moved)
            yield Event(key, job.finished_at, job.get_absolute_url(), text)
    for job in jobs.filter(state=Job.State.STOPPED, stopped_at__gt=since):
        if job.stopped_at:
            key = key_of_end(job, job.stopped_at)
            yield Event(key, job.stopped_at, job.get_absolute_url(), partial(job_words, job))
    for row in Criteria.objects.filter(account=account):
        url, key = reverse("groups:criteria"), f"criteria {account.pk}"
        if row.held and row.held_at and row.held_at > since:
            words = partial(one_line, NIGHTS_END, Held(row.held).label)
            yield Event(f"{key} {row.held_at.isoformat()}", row.held_at, url, words)
        if row.left_out_at and row.left_out_at > since:
            waits = what_waits(row)
            # Not all readers of the notice may see the request for a run.
            cause = (waits if isinstance(waits, Job) else None) if waits else what_holds(row)
            path, words = (
                cause.get_absolute_url() if cause else url,
                partial(one_line, WAITS if waits else BUSY),
            )
            yield Event(f"{key} {row.left_out_at.isoformat()}", row.left_out_at, path, words)


def moved_words(job: Job, moved: int) -> str:
    words = {"clients": clients_words(moved), "groups": job.group_name, "targets": job.target_name}
    text = _("At night the automatic groups moved %(clients)s: from %(groups)s to %(targets)s.")
    return one_line(text % words)
