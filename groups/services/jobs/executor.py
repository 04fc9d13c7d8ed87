"""Execute the writes of a job: several at a time, until all are settled; put it off while Poster is away."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple, NoReturn, Self, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from groups.models import Change, Job, LocksLost, PosterCredentials
from groups.models.contents import ClientAfter
from groups.poster import (
    ErrorReason,
    GroupValues,
    InvalidResponse,
    NotAllowed,
    NotFound,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.services.clients import ask_each, group_of_client
from groups.services.groups import find_group
from groups.services.jobs.lease import JobLease, PutOff, Stopped, sender_of
from groups.services.writes.commands import Command
from groups.services.writes.execute import catch_up, execute
from groups.services.writes.lag import unseen_change
from groups.services.writes.outcome import differing
from groups.services.writes.reconcile import due, follow_up
from groups.services.writes.submissions import BonusBlocked, Locked, NotRecorded, NotRecordedNow, WriteHeld

State, Reason = Change.State, Change.Reason
# Reasons of changes that were not sent; they may be retried without limit.
NOTHING_SENT = frozenset(
    (Reason.NOT_READ, Reason.UNREADABLE_ROW, Reason.NOT_SHOWN_YET, Reason.NOT_SENT, Reason.NEVER_SENT)
)
# Errors after which the commands that are left would fail too.
STOPS: dict[type[Exception], Job.Stop] = {
    PermissionDenied: Job.Stop.NO_RIGHT,
    NotRecorded: Job.Stop.NOT_RECORDED,
    BonusBlocked: Job.Stop.BONUS_BLOCKED,
    LocksLost: Job.Stop.LOCKS_LOST,
}
TROUBLES_IN_A_ROW = 3
TRIES = 3
READ_TOGETHER = 50
"""Clients that are read before what was read is used, or kept."""
LONG_RUN = 60.0
"""Seconds after which a run without a failure has left the outage before it behind."""
SETTLED_SOON = 6.0
"""Seconds in which most lost writes are settled; then the job gives its worker back."""


class Try(NamedTuple):
    state: str
    reason: str
    failure: str

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(change.state, change.reason, change.failure)

    @property
    def sent_nothing(self) -> bool:
        return self.state == State.FAILED and self.reason in NOTHING_SENT

    @property
    def counts_as_none(self) -> bool:
        """Poster that refused the token, maybe by mistake, has changed nothing either."""
        return self.sent_nothing or self.failure == Change.Failure.NO_ACCESS


def submit_all(lease: JobLease, commands: Iterable[Command]) -> list[Change]:
    """Execute the commands, still without sender, several at a time, and return the changes of those tried.

    Skip commands whose client or group is locked by another change. End early if Poster cannot be reached
    several times in a row, or at the first command beyond the limits. Raises `Interrupted`, `PutOff` if the
    turn of the job is over, `Stopped` if the remaining commands would fail too, and `PosterError` if the
    clients of the first group cannot be counted.
    """
    executor = _Executor(lease, commands)
    count = settings.POSTER_MAX_CONCURRENCY
    with ThreadPoolExecutor(count, thread_name_prefix="job") as pool:
        for done in [pool.submit(executor.work) for _ in range(count)]:
            done.result()
    lease.check()
    match executor.end:
        case PutOff() as turn_is_over:
            raise turn_is_over
        case PosterError() as error if not executor.changes:
            raise error
        case WriteHeld() if not executor.changes and not settle_open(lease):
            # An open change counts as made, and may turn out not to be: then there is room for another one.
            raise Stopped(Job.Stop.BEYOND_LIMITS)
    return executor.changes


class _Executor:
    def __init__(self, lease: JobLease, commands: Iterable[Command]) -> None:
        self.changes: list[Change] = []
        # Why no further command is taken, other than troubles in a row.
        self.end: BaseException | None = None
        self._lease = lease
        self._commands = iter(commands)
        self._lock = threading.Lock()
        self._troubles = 0

    def work(self) -> None:
        try:
            while True:
                self._lease.check_now()
                if self._lease.is_turn_over():
                    self.end = PutOff()
                with self._lock:
                    is_over = self.end is not None or self._troubles >= TROUBLES_IN_A_ROW
                    command = None if is_over else next(self._commands, None)
                if command is None:
                    return
                self._execute(command)
        except BaseException as error:
            self.end = error
            raise
        finally:
            connections.close_all()

    def _execute(self, command: Command) -> None:
        try:
            change = execute(replace(command, credentials=sender_of(self._lease.job)))
        except Locked:
            return  # the next pass tries it again
        except (WriteHeld, PosterError) as error:
            self.end = error
            return
        except NotRecordedNow:
            raise
        except tuple(STOPS) as error:
            raise Stopped(next(stop for kind, stop in STOPS.items() if isinstance(error, kind))) from None
        if change.failure == Change.Failure.NO_ACCESS:
            OutageBackoff(self._lease).wait(Job.Stop.TOKEN, change.message)
        with self._lock:
            self.changes.append(change)
            if Try.of(change).sent_nothing:
                self._troubles += 1
            else:
                self._troubles = 0
                self._lease.note_progress()


class OutageBackoff:
    """Put a job off while Poster is away or refuses its token, ever longer, until JOB_MAX_WAIT is over."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease

    def note(self, changes: list[Change]) -> None:
        if changes and all(change.reason in NOTHING_SENT for change in changes):
            self.wait(_stop_after(changes[-1].reason))

    def wait(self, reason: Job.Stop = Job.Stop.UNREACHABLE, detail: str = "") -> NoReturn:
        """Raise `PutOff`, for longer than the last time, or `Stopped` with this reason after JOB_MAX_WAIT."""
        job = self._lease.job
        if job.reason != reason and {job.reason, reason} & {Job.Stop.UNKNOWN, Job.Stop.TOKEN}:
            # Since it waited for the other reason a write was sent or found out, or Poster has answered.
            self._lease.note_progress()
        waited = timedelta() if job.waiting_since is None else timezone.now() - job.waiting_since
        if waited > max_wait_of(reason):
            raise Stopped(reason, detail)
        pauses = settings.JOB_RETRY_PAUSES
        raise PutOff(reason, pauses[min(job.waits, len(pauses) - 1)])

    def ask_poster[T](self, question: Callable[[], T]) -> T:
        """Call Poster, twice if the first call fails, and put the job off if Poster is away.

        Raises as `ask_once` does, but for the two errors of a Poster that is away.
        """
        try:
            return self.ask_once(question)
        except (Unreachable, InvalidResponse):
            # The next run has to begin again, so one failure among many calls does not end this one.
            self._lease.wait(settings.JOB_READ_PAUSE)
        try:
            return self.ask_once(question)
        except (Unreachable, InvalidResponse) as error:
            self.wait(_stop_after(error.reason))

    def ask_once[T](self, question: Callable[[], T]) -> T:
        """Call Poster, and put the job off if it refuses the token.

        Raises `Unreachable`, `InvalidResponse`, `NotFound`, and `Stopped` for any other refusal.
        """
        self._lease.check()
        if time.monotonic() - self._lease.began > LONG_RUN:
            self._lease.note_progress()
        try:
            return question()
        except NotFound:
            raise
        except (TokenRejected, NotAllowed) as error:
            self.wait(Job.Stop.TOKEN, error.message)
        except PosterRefused as error:
            raise Stopped(Job.Stop.REFUSED, error.message) from None


def max_wait_of(reason: Job.Stop) -> timedelta:
    settling = settings.POSTER_SETTLE_SECONDS if reason == Job.Stop.UNKNOWN else 0.0
    return timedelta(seconds=settings.JOB_MAX_WAIT + settling)


def _stop_after(reason: str) -> Job.Stop:
    """Return why a job stops that has waited in vain after a change or an error with this reason."""
    if reason == Reason.NOT_SHOWN_YET:
        return Job.Stop.STALE
    is_row = reason == ErrorReason.UNREADABLE_ROW
    return Job.Stop.UNREADABLE_ROW if is_row else Job.Stop.UNREACHABLE


def submit_one_by_one(lease: JobLease, commands: Iterable[Command]) -> Iterator[Change]:
    """Execute commands one after the other, and yield each change that was sent and has an outcome.

    Put the job off after TROUBLES_IN_A_ROW that were not sent, and if the last command is reached without one
    that was.
    """
    was_sent, troubles, reason = False, 0, None
    for command in commands:
        changes = OutageBackoff(lease).ask_poster(partial(submit_all, lease, [command]))
        if not changes:
            reason = Job.Stop.LOCKED
            continue
        settle_open(lease)
        change = Change.objects.get(pk=command.operation)
        if change.reason not in NOTHING_SENT:
            was_sent, troubles = True, 0
            yield change
            continue
        reason, troubles = _stop_after(change.reason), troubles + 1
        if troubles >= TROUBLES_IN_A_ROW:
            break
    if reason is not None and (troubles >= TROUBLES_IN_A_ROW or not was_sent):
        OutageBackoff(lease).wait(reason)


def first_made(job: Job, **of_kind: object) -> Change | None:
    """Return the first change that was made and read back: one on which a user decided proves nothing."""
    made = Change.objects.filter(job=job, state__in=Change.MADE, resolved_by="", **of_kind)
    return made.order_by("created_at").first()


def check_as_intended(change: Change) -> None:
    """Raise `Stopped` if a first change has changed more, or stored something else, than was requested."""
    if change.client_id is not None:
        changed = ClientAfter.from_json(change.after).changed if change.after else ()
        if changed:
            raise Stopped(Job.Stop.SIDE_EFFECT, ", ".join(changed))
    elif change.state == State.DIFFERS:
        intended, after = map(GroupValues.from_json, (change.intended, change.after))
        raise Stopped(Job.Stop.DIFFERS, ", ".join(differing(intended, after)))


def is_accepted(job: Job, change: Change) -> bool:
    """Return True if a user has let the job go on after a stop at which the change had its outcome.

    No page had shown then what came later, so that yes does not cover it.
    """
    stopped_at, settled_at = job.stopped_at, change.settled_at
    return job.tested and stopped_at is not None and settled_at is not None and settled_at <= stopped_at


def may_be_tried(before: Sequence[Try]) -> bool:
    """Return True if a write changed nothing in these tries; without access `OutageBackoff` bounds them."""
    sent = [each for each in before if not each.counts_as_none]
    return len(sent) < TRIES and all(each[:2] == (State.FAILED, Reason.NOT_APPLIED) for each in sent)


def run_passes(lease: JobLease, one_pass: Callable[[], bool]) -> None:
    """Make passes over the clients of a job until none is left; `one_pass` returns True if it tried any."""
    more = True
    while more:
        # Settle open changes of an earlier run after the pass, so that the other clients need not wait.
        tried = one_pass()
        more = settle_open(lease) or tried


def is_there(lease: JobLease, group_id: int) -> bool:
    """Return True if Poster has a group. Raises `PosterError`.

    A group that was created here just now may not show for a while: raises `InvalidResponse` until then. Any
    other one may be omitted by mistake, so it is read twice before it counts as gone.
    """
    read = partial(find_group, sender_of(lease.job), group_id)
    if read() is not None:
        return True
    if unseen_change(lease.job.account_id, group_id, None) is not None:
        raise InvalidResponse(
            "the new group does not show yet", method="clients.getGroup", reason=ErrorReason.MOVING
        )
    lease.wait(settings.POSTER_CONFIRM_SECONDS)
    return read() is not None


def check_target(lease: JobLease) -> None:
    """Raise `Stopped` if the group that clients are moved to is gone; else as `is_there`."""
    if not is_there(lease, lease.job.target_id or 0):
        raise Stopped(Job.Stop.TARGET_GONE)


def lock_target(lease: JobLease, group_id: int) -> None:
    """Lock the members of a group that the job has created; put the job off while somebody else has them."""
    job = lease.job
    while job.target_id != group_id:
        try:
            with transaction.atomic():
                if job.move_on(Job.State.RUNNING, target_id=group_id):
                    job.take_locks()
        except IntegrityError:
            job.refresh_from_db()
            OutageBackoff(lease).wait(Job.Stop.LOCKED)
        lease.check_now()


def find_clients(
    lease: JobLease, client_ids: Collection[int], among: Collection[int]
) -> dict[int, int | None]:
    """Read the groups of clients, as `group_of_client` does; a read may be late or untrue.

    So a client who is in none of the groups `among` is read once more; one who was found once is not gone.
    """
    places: dict[int, int | None] = {}
    for read in read_each(lease, client_ids, group_of_client):
        places |= read
    if doubted := [each for each in client_ids if places[each] not in {None, *among}]:
        lease.wait(settings.POSTER_CONFIRM_SECONDS)
        for read in read_each(lease, doubted, group_of_client):
            places |= {client_id: group_id for client_id, group_id in read.items() if group_id != 0}
    return places


def read_each[T](
    lease: JobLease, client_ids: Iterable[int], read: Callable[[PosterCredentials, int], T]
) -> Iterator[dict[int, T]]:
    """Read clients, several at once, and yield what was read, at most READ_TOGETHER of them at a time.

    Those who could not be read come last. Put the job off if none of them can be, twice in a row.
    """
    backoff, credentials = OutageBackoff(lease), sender_of(lease.job)

    def ask(client_id: int) -> T | PosterError:
        try:
            return backoff.ask_once(lambda: read(credentials, client_id))
        except (Unreachable, InvalidResponse) as error:
            return error

    left, was_stuck = list(client_ids), False
    while left:
        answers = dict(ask_each(left[:READ_TOGETHER], ask))
        failed = {each: error for each, error in answers.items() if isinstance(error, PosterError)}
        left = [*left[READ_TOGETHER:], *failed]
        if len(failed) < len(answers):
            was_stuck = False
            yield {each: cast("T", answer) for each, answer in answers.items() if each not in failed}
        elif was_stuck:
            backoff.wait(_stop_after(next(iter(failed.values())).reason))
        else:
            was_stuck = True
            lease.wait(settings.JOB_READ_PAUSE)


def settle_open(lease: JobLease) -> bool:
    """Reconcile the open changes of the job until all are settled; return True if there were any.

    Put the job off if one is still open after SETTLED_SOON: the threads of workers reconcile it meanwhile.
    Stop the job if that lasts for POSTER_SETTLE_SECONDS and JOB_MAX_WAIT.
    """
    began = time.monotonic()
    still_open = Change.objects.open().filter(job=lease.job)
    there_was_some = still_open.exists()
    while True:
        catch_up()
        for change in still_open.filter(due(timezone.now())).select_related("account"):
            lease.check()
            follow_up(change)
            if time.monotonic() - began > SETTLED_SOON:
                break
        if not still_open.exists():
            return there_was_some
        if time.monotonic() - began > SETTLED_SOON:
            OutageBackoff(lease).wait(Job.Stop.UNKNOWN)
        lease.wait(0.5)
