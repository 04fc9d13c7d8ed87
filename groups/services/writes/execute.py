"""Execute a command: the one write path, which every write to Poster takes.

Poster has no idempotency key, no version and no undo, and a response can get lost. The steps have the numbers
of the life of a write in docs/architecture.md.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, close_old_connections, transaction
from django.utils import timezone

from groups.models import Change
from groups.poster import (
    ErrorReason,
    NotAllowed,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.services.gateway import call_poster
from groups.services.groups import cache_key, keep_cached
from groups.services.messages import failure_of
from groups.services.writes import gates
from groups.services.writes.commands.base import CONSENT, Command
from groups.services.writes.reconcile import Reading, contradicts, read_outcome, schedule_recheck, settle
from groups.services.writes.submissions import (
    TRIES_TO_RECORD,
    Locked,
    NotNow,
    NotRecorded,
    NotRecordedNow,
    find_known,
    raise_if_locked,
)
from poster_admin.common.outages import MAX_WAIT, Outage, first_line, is_outage, max_wait

log = logging.getLogger("groups.journal")

Reason, Failure = Change.Reason, Change.Failure

# Shares of POSTER_WRITE_DEADLINE: 12, 15 and 3 of 30 seconds. The read after also has what the steps before
# it have left: it waits for its slot, and a slow Poster takes as long for it as for the write.
READ_BEFORE, SEND, READ_AFTER = 0.4, 0.5, 0.1
# Prechecks that are repeated with a new read before the write, because a single read may be outdated.
READ_AGAIN = frozenset((Reason.NOT_SHOWN_YET, Reason.GONE, Reason.CLIENT_GONE, Reason.ELSEWHERE))
# Kinds of the reasons for which a change is closed here; those of the other reasons are `REJECTED`.
FAILURES = {Reason.NOT_SHOWN_YET: Failure.STALE, Reason.NEVER_SENT: ""}
SLOW = timedelta(seconds=1)
# Seconds until the next try to store an outcome while the database is away.
PAUSE = 0.5

type Store = Callable[[], object]

_left: deque[tuple[Change, Store]] = deque()
_lock = threading.Lock()


def execute(command: Command) -> Change:
    """Execute a command and return its change with the outcome.

    Raises `PermissionDenied`, `NotNow`, `Locked`, `OperationReused`, `NotRecorded` and what else a gate
    raises (`NotSent`), for a job `LocksLost`, and `PosterError` if a gate cannot read what it has to know; in
    all these cases nothing was sent. Every later result is in `state`, `reason` and `code` of the change. If
    the outcome cannot be stored in time, the returned change has the state unknown and the reason
    `NOT_WRITTEN`.
    """
    with nothing_sent():
        if not command.sender.user.has_perm(command.permission):
            raise PermissionDenied
        known = find_known(command.submission, Change, of_job=command.job is not None)
        columns = gates.before(command) if known is None else {}  # 1
    if known is not None:
        return _await_outcome(known)
    # A gate may take long, as to keep or count the clients of a group; the write has its time after that.
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE
    change = _record(command, columns)  # 2
    if change.state != Change.State.PENDING:
        return change
    with nothing_sent(change):
        if not _read_before(command, change, until=until):  # 3
            return change
        if time.monotonic() > until - settings.POSTER_WRITE_DEADLINE * SEND:
            raise Outage("recording the change took too long to send it before the deadline")
    settle = _send(command, change, until=until)  # 4
    if write_down(change, settle, until=until):  # 5, 6
        return change
    shown = copy(change)
    shown.state, shown.reason = Change.State.UNKNOWN, Reason.NOT_WRITTEN
    return shown


@contextmanager
def nothing_sent(change: Change | None = None) -> Iterator[None]:
    """Raise `NotRecordedNow` if the database is away in the block, and close the row as not sent.

    Close the row even if it is not known to exist: the connection may have been lost during the commit.
    """
    try:
        yield
    except Exception as error:
        if not is_outage(error):
            raise
        name, said = type(error).__name__, first_line(error)
        log.warning("A change was not recorded, so nothing was sent: %s: %s", name, said)
        if change is not None:
            write_down(change, partial(_close_unsent, change), until=0)
        raise NotRecordedNow from error


def _close_unsent(change: Change) -> None:
    with max_wait(MAX_WAIT):
        row = Change.objects.of_attempt(change).select_related("account").first()
        if row is not None:
            _fail(row, Reason.NEVER_SENT)


# --- 2. The journal ----------------------------------------------------------------------------------------


def _record(command: Command, columns: dict[str, Any]) -> Change:
    """Record the change and take its locks, or return the existing change of the same operation.

    Raises `Locked` if a lock is in the way.
    """
    problem: DatabaseError | None = None
    sender, consent = command.sender, command.consent
    consented = {name: getattr(consent, name) for name in CONSENT} if consent else {}
    for _ in range(TRIES_TO_RECORD):
        change = Change(
            id=command.operation,
            **sender.sender_columns,
            action=command.action,
            target=command.target,
            job=command.job,
            **command.columns,
            **consented,
            **columns,
        )
        try:
            with nothing_sent(change), transaction.atomic(durable=True):
                if change.again_of is not None:
                    _supersede(change.again_of)
                for gate in gates.registered:
                    gate.in_transaction(change, command)
                change.save(lock_keys=command.lock_keys)
        except (NotNow, IntegrityError) as error:
            known = find_known(command.submission, Change, of_job=command.job is not None)
            if known is not None:
                return _await_outcome(known)
            raise_if_locked(change.account_id, command.lock_keys, of=(change.job_id, change.again_of_id))
            if isinstance(error, NotNow):
                raise
            problem = error  # a lock was released meanwhile, or the insert failed otherwise
        except DatabaseError as error:
            problem = error
            break
        else:
            return change
    log.error("A change cannot be recorded", exc_info=problem)
    raise NotRecorded from problem


def _supersede(change: Change) -> None:
    """Close a lost change in the transaction that records its repetition.

    So the group stays locked without a gap, and exactly one of the two changes is reconciled.
    """
    # Settle a copy of its own: the transaction may still fail, and `change` must not claim what it undoes.
    lost = Change.objects.select_related("account").get(pk=change.pk)
    if lost.state != Change.State.UNKNOWN or not Change.objects.settle(
        lost, state=Change.State.FAILED, reason=Reason.SUPERSEDED
    ):
        raise NotNow


def _await_outcome(change: Change) -> Change:
    """Raises `Locked` if its sender takes too long: its process was killed, perhaps after sending."""
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE
    while change.state == Change.State.PENDING:
        if time.monotonic() > until:
            raise Locked(change)
        time.sleep(0.1)
        change.refresh_from_db()
    return change


# --- 3. Read before ----------------------------------------------------------------------------------------


def _read_before(command: Command, change: Change, *, until: float) -> bool:
    """Read the remote state and commit it as `before`, or close the row; return True if it may be sent."""
    deadline = _end_of(READ_BEFORE, until - settings.POSTER_WRITE_DEADLINE * (SEND + READ_AFTER))
    problem: Change.Reason | None = None
    for left in _tries(deadline):
        try:
            remote = command.observe_before(change, command.sender, within=left)
        except PosterError as error:
            is_row = error.reason == ErrorReason.UNREADABLE_ROW
            _fail(change, Reason.UNREADABLE_ROW if is_row else Reason.NOT_READ, error)
            return False
        # An outdated read could lead to overwriting a change made here, so read again while there is time.
        problem = Reason.NOT_SHOWN_YET if command.is_stale(change, remote) else command.precheck(remote)
        if problem not in READ_AGAIN or command.was_seen(remote):
            break
    before = command.before(remote)
    if problem:
        _fail(change, problem, before=None if command.creates else before)
        return False
    return Change.objects.settle(change, before=before, sent_at=timezone.now())


def _fail(change: Change, reason: Change.Reason, error: PosterError | None = None, **values: object) -> None:
    said = {"code": getattr(error, "code", None), "message": getattr(error, "message", "")}
    if change.again_of_id:
        schedule_recheck(change, reason=reason, **said)
        return
    failure = failure_of(error) if error else FAILURES.get(reason, Failure.REJECTED)
    Change.objects.settle(change, state=Change.State.FAILED, reason=reason, **said, failure=failure, **values)


# --- 4. Send once, 5. read after, 6. settle ----------------------------------------------------------------


def _send(command: Command, change: Change, *, until: float) -> Store:
    """Send the change once, and return a repeatable step that settles it according to the response."""
    within = settings.POSTER_WRITE_DEADLINE * SEND
    try:
        answered_id = call_poster(command.sender, lambda poster: command.send(poster, within=within))
    except OutcomeUnknown as error:
        said: dict[str, object] = {"code": error.code, "message": error.message, "reason": error.reason}
        return partial(_read_after, command, change, said, until=until)
    except Unreachable as error:
        return partial(_fail, change, Reason.NOT_SENT, error)
    except PosterRefused as error:
        return partial(_settle_refusal, command, change, error, until=until)
    values: dict[str, object] = {"accepted": True, **command.answered(change, answered_id)}
    return partial(_read_after, command, change, values, until=until)


def _settle_refusal(command: Command, change: Change, error: PosterRefused, *, until: float) -> None:
    """Settle the change as refused, unless a read shows that it was applied nevertheless.

    If Poster refuses the read as well, accept the refusal: a token without access cannot have changed
    anything.
    """
    said = {"code": error.code, "message": error.message}
    if change.again_of_id:
        _read_after(command, change, {**said, "reason": error.reason}, until=until)
        return
    change.code = error.code
    try:
        within = _end_of(READ_AFTER, until) - time.monotonic()
        found = read_outcome(command, change, command.sender, within=within)
    except PosterError as reading:
        if not all(isinstance(each, TokenRejected | NotAllowed) for each in (error, reading)):
            schedule_recheck(change, reason=Reason.REFUSAL_NOT_VERIFIED, **said)
            return
        found = Reading(None, certain=True)
    if not change.is_open:
        return
    if found.shown is not None and contradicts(change, found.shown):
        if not found.certain:
            schedule_recheck(change, reason=Reason.REFUSAL_NOT_VERIFIED, **said)
        elif Change.objects.settle(change, **said):
            settle(change, replace(found.shown, reason=found.shown.reason or Reason.REFUSED_BUT_CHANGED))
        return
    Change.objects.settle(
        change,
        state=Change.State.REFUSED,
        reason=error.reason,
        failure=failure_of(error),
        **said,
    )


def _read_after(command: Command, change: Change, values: dict[str, object], *, until: float) -> None:
    """Read the remote state until it proves an outcome and settle the change, or schedule a recheck.

    Usually the first read is enough, so Poster's answer is committed together with the outcome. A new id is
    committed at once, because it is known nowhere else, and so is an answer that took its time: the user
    sees the steps.
    """
    for name, value in values.items():
        setattr(change, name, value)
    is_slow = change.sent_at is not None and change.sent_at <= timezone.now() - SLOW
    if (command.creates or is_slow) and not Change.objects.settle(change, **values):
        return
    deadline = _end_of(READ_AFTER, until)
    writes = change.account.writes
    for left in _tries(deadline):
        try:
            outcome = read_outcome(command, change, command.sender, within=left).outcome
        except PosterError:
            outcome = None
        if not change.is_open:
            return
        if outcome is not None and (settle(change, outcome, **values) or not change.is_open):
            # The page after a form need not ask for the group once more; a job has no page after each write.
            # Where the counter has grown by more than this outcome, another write may be missing in the read.
            group, read_at = command.read_back(change), change.settled_at
            if group and read_at and not change.job_id and change.account.writes == writes + 1:
                keep_cached(cache_key(command.sender, str(group.id)), group, read_at)
            return
        if not Change.objects.settle(change, **values):
            return
    schedule_recheck(change, **values)


def _end_of(share: float, until: float) -> float:
    """Return the deadline of a step that may go on until then, and has its share of the time at least."""
    return max(until, time.monotonic() + settings.POSTER_WRITE_DEADLINE * share)


def _tries(deadline: float) -> Iterator[float]:
    """Wait for each of POSTER_READ_PAUSES, and yield the seconds left before the deadline, if any."""
    for pause in settings.POSTER_READ_PAUSES:
        if time.monotonic() + pause >= deadline:
            return
        time.sleep(pause)
        yield deadline - time.monotonic()


# --- Outcomes that the database did not take ----------------------------------------------------------------
# They are stored again within the deadline of the write; then by a thread of this process or by the job, for
# no other process knows the response. If the process ends before that, the row stays pending and is
# reconciled like the row of a killed process.


def write_down(change: Change, step: Store, *, until: float) -> bool:
    """Retry while the database is away; after `until` leave the step to `catch_up`, and return False."""
    while not _taken(change, step):
        if time.monotonic() + PAUSE > until:
            _left.append((change, step))
            return False
        time.sleep(PAUSE)
    return True


def catch_up() -> None:
    """Run the remaining steps, except for changes that another process has settled meanwhile."""
    with _lock:
        while _left:
            change, step = _left.popleft()
            try:
                taken = _taken(change, step, only_pending=True)
            except Exception:
                log.exception("Change %s is left to be reconciled", change.pk)
                continue
            if not taken:
                _left.appendleft((change, step))
                return


def _taken(change: Change, step: Store, *, only_pending: bool = False) -> bool:
    try:
        if not only_pending or Change.objects.of_attempt(change).exists():
            step()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("Change %s cannot be stored: %s", change.pk, type(error).__name__)
        close_old_connections()
        return False
    return True
