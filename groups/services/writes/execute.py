"""The one write path: every change to a group of Poster's goes through `execute`.

Poster knows no idempotency key, no version and no undo, and an answer can get lost. So a change is written
into the journal before anything is sent, sent at most once, and believed only when it was read back. The
steps are numbered as in the life of a write in CONTRIBUTING.md.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from groups.models import Change, Job, Lock
from groups.poster import (
    NotAllowed,
    OutcomeUnknown,
    PosterError,
    Refused,
    TokenRejected,
    Unreachable,
)
from groups.services.gateway import call_poster
from groups.services.writes.commands import RIGHTS, Command
from groups.services.writes.lag import hides_own_change
from groups.services.writes.reconcile import (
    NOT_VERIFIED,
    Look,
    contradicts,
    look_at,
    read_before,
    schedule_recheck,
    settle,
)
from groups.services.writes.unrecorded import Step, write_down
from poster_admin.common.outages import PATIENCE, Outage, is_outage, patience

log = logging.getLogger("groups.journal")

# Shares of POSTER_WRITE_DEADLINE: 6, 15 and 8 of 30 seconds.
READ_BEFORE, SEND, READ_AFTER = 0.2, 0.5, 0.27
READ_PAUSES = (0.0, 1.0, 3.0)
# Before a write these are read once more: a single read may be late.
READ_AGAIN = frozenset(("not_shown_yet", "gone", "client_gone"))
STATUSES = {"not_shown_yet": 409}
# A lock in the way may be gone when it is looked for: then the row is tried again.
TRIES_TO_RECORD = 3


class Busy(Exception):
    """Another change of this group, or of who is in it, is open: nothing was sent."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


class Occupied(Exception):
    """Clients are being moved out of this group, or into it: it cannot be removed now."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class OperationReused(Exception):
    """The same `operation` came with other values: nothing was sent."""


class NotRecorded(Exception):
    """The change could not be written down, so it was not made: nothing was sent."""


class NotRecordedNow(NotRecorded, Outage):
    """Our database or its disk is away: a job waits, and tries again."""


class MovedOn(Exception):
    """The lost change that was to be sent again has an outcome by now: nothing was sent."""


class BonusBlocked(Exception):
    """Birthday bonuses of this account come back multiplied or divided by 100: none is sent for now."""


def execute(command: Command) -> Change:
    """Carry a change out, and return its row of the journal with the outcome.

    Before anything is sent it raises `PermissionDenied`, `Busy`, `Occupied`, `OperationReused`, `MovedOn`,
    `NotRecorded`, `BonusBlocked` and, for a job, `LocksLost`. Whatever Poster does is in the row: `state`,
    `reason`, `code`. Where that cannot be written down in time, the change that is returned is unknown:
    "not_written".
    """
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE
    with nothing_sent():
        _check(command)
    change = _record(command)  # 2
    if change.state != Change.State.PENDING:
        return change
    with nothing_sent(change):
        if not _read_before(command, change):  # 3
            return change
        if time.monotonic() > until - settings.POSTER_WRITE_DEADLINE * SEND:
            raise Outage("to write it down took so long that it would be sent too late")
    settle = _send(command, change)  # 4
    if write_down(change, settle, until=until):  # 5, 6
        return change
    shown = copy(change)
    shown.state, shown.reason = Change.State.UNKNOWN, "not_written"
    return shown


@contextmanager
def nothing_sent(change: Change | None = None) -> Iterator[None]:
    """Raise `NotRecordedNow` where the database is away in the block, and close the row: nothing was sent.

    Also one that is not known to be there: the connection may have been lost as it was written.
    """
    try:
        yield
    except Exception as error:
        if not is_outage(error):
            raise
        if change is not None:
            write_down(change, partial(_close_unsent, change), until=0)
        raise NotRecordedNow from error


def _close_unsent(change: Change) -> None:
    # A form may be sent once more with the same operation: that row is not the one of this attempt.
    rows = Change.objects.select_related("account").filter(pk=change.pk, created_at=change.created_at)
    with patience(PATIENCE):
        row = rows.filter(state=Change.State.PENDING).first()
        if row is not None:
            _fail(row, "never_sent")


def _check(command: Command) -> None:
    if not command.user.has_perm(RIGHTS[command.action]):
        raise PermissionDenied
    columns, account = command.columns, command.credentials.account
    if account.bonus_block_id and Decimal((columns["intended"] or {}).get("birthday_bonus", 0)):
        raise BonusBlocked


# --- 2. The journal ----------------------------------------------------------------------------------------


def _record(command: Command) -> Change:
    """Write the change down and take its locks; or return the row of the same operation, sent twice."""
    problem: DatabaseError | None = None
    for _ in range(TRIES_TO_RECORD):
        change = _row(command)
        try:
            with nothing_sent(change), transaction.atomic(durable=True):
                if change.again_of is not None:
                    _supersede(change.again_of)
                change.save()
        except MovedOn:
            if (known := _what_was_there(command, change)) is not None:
                return known
            raise
        except IntegrityError as error:
            problem = error
            if (known := _what_was_there(command, change)) is not None:
                return known
        except DatabaseError as error:
            problem = error
            break
        else:
            return change
    log.error("A change cannot be recorded", exc_info=problem)
    raise NotRecorded from problem


def _supersede(change: Change) -> None:
    """Close a lost change in the transaction that writes down the one that sends it again.

    So its group is locked all the time, and one of the two is followed, whatever else happens.
    """
    change.refresh_from_db()
    if change.state != Change.State.UNKNOWN or not Change.objects.settle(
        change, state=Change.State.FAILED, reason="superseded", settled_at=timezone.now(), next_check_at=None
    ):
        raise MovedOn


def _row(command: Command) -> Change:
    return Change(
        id=command.operation,
        account=command.credentials.account,
        user=command.user,
        user_name=command.user.get_username(),
        action=command.action,
        target=command.target,
        job=command.job,
        **command.columns,
    )


def _what_was_there(command: Command, change: Change) -> Change | None:
    """Return the outcome of the same operation, sent twice; waits for it while the first one is under way.

    Raises `Busy` or `Occupied` where a lock is in the way. Returns None where there is neither: it is gone
    by now, or it was something else that the database did not take.
    """
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE
    while (known := Change.objects.filter(pk=command.operation).first()) is not None:
        if not _is_the_same(command, known):
            raise OperationReused
        if known.state != Change.State.PENDING:
            return known
        if time.monotonic() > until:  # its sender is dead, and may have sent it
            raise Busy(known)
        time.sleep(0.1)
    own = (change.job_id, change.again_of_id)
    lock = Lock.objects.in_the_way(change.account_id, change.lock_keys, of=own)
    if lock and lock.change:
        raise Busy(lock.change)
    if lock and lock.job:
        raise Occupied(lock.job)
    return None


def _is_the_same(command: Command, change: Change) -> bool:
    """Say whether the journal's row is this very order, sent once more."""
    return (change.account_id, change.user_id, change.action, change.target, change.intended) == (
        command.credentials.account_id,
        command.user.pk,
        command.action,
        command.target,
        command.columns["intended"],
    )


# --- 3. Read before ----------------------------------------------------------------------------------------


def _read_before(command: Command, change: Change) -> bool:
    """Look at Poster once more and commit what is there, or close the row; say whether it is to be sent."""
    deadline = time.monotonic() + settings.POSTER_WRITE_DEADLINE * READ_BEFORE
    problem = ""
    for left in _tries(deadline):
        try:
            remote = read_before(change, command.credentials, within=left)
        except PosterError as error:
            _fail(change, "not_read", error)
            return False
        # A read that is behind would let an own change be written over: look again, as long as there is time.
        problem = "not_shown_yet" if hides_own_change(change, remote) else command.problem(remote)
        if problem not in READ_AGAIN:
            break
    before = command.before(remote)
    if problem:
        _fail(change, problem, before=None if command.action == Change.Action.CREATE else before)
        return False
    with transaction.atomic(durable=True):
        return Change.objects.settle(change, before=before, sent_at=timezone.now())


def _fail(change: Change, reason: str, error: PosterError | None = None, **values: object) -> None:
    said = {"code": getattr(error, "code", None), "message": getattr(error, "message", "")}
    if change.again_of_id:
        schedule_recheck(change, reason=reason, **said)
        return
    Change.objects.settle(
        change,
        state=Change.State.FAILED,
        reason=reason,
        **said,
        status=error.status if error else STATUSES.get(reason, 422),
        settled_at=timezone.now(),
        **values,
    )


# --- 4. Send once, 5. read after, 6. settle ----------------------------------------------------------------


def _send(command: Command, change: Change) -> Step:
    """Send the change, and return what settles it by the answer: a step that may be taken again."""
    within = settings.POSTER_WRITE_DEADLINE * SEND
    try:
        answered_id = call_poster(command.credentials, lambda poster: command.send(poster, within=within))
    except OutcomeUnknown as error:
        said: dict[str, object] = {"code": error.code, "message": error.message, "reason": error.reason}
        return partial(_read_after, command, change, said)
    except Unreachable as error:
        return partial(_fail, change, "not_sent", error)
    except Refused as error:
        return partial(_settle_refusal, command, change, error)
    values: dict[str, object] = {"accepted": True}
    if command.action == Change.Action.CREATE and answered_id not in change.known_ids:
        values["group_id"] = answered_id
    elif command.action == Change.Action.ENROL:
        values["client_id"] = answered_id
    return partial(_read_after, command, change, values)


def _settle_refusal(command: Command, change: Change, error: Refused) -> None:
    """Believe a refusal unless a read shows that something was changed all the same.

    Where the read is refused as well, it is believed too: who may not even look has changed nothing.
    """
    said = {"code": error.code, "message": error.message}
    if change.again_of_id:
        _read_after(command, change, {**said, "reason": error.reason})
        return
    change.code = error.code
    try:
        look = look_at(change, command.credentials, within=settings.POSTER_WRITE_DEADLINE * READ_AFTER)
    except PosterError as reading:
        if not all(isinstance(each, TokenRejected | NotAllowed) for each in (error, reading)):
            schedule_recheck(change, reason=NOT_VERIFIED, **said)
            return
        look = Look(None, certain=True)
    if not change.is_open:
        return
    if look.shown is not None and contradicts(change, look.shown):
        if not look.certain:
            schedule_recheck(change, reason=NOT_VERIFIED, **said)
        elif Change.objects.settle(change, **said):
            settle(change, replace(look.shown, reason=look.shown.reason or "refused_but_changed"))
        return
    Change.objects.settle(
        change,
        state=Change.State.REFUSED,
        reason=error.reason,
        status=error.status,
        settled_at=timezone.now(),
        **said,
    )


def _read_after(command: Command, change: Change, values: dict[str, object]) -> None:
    """Look until the outcome shows; after that it is followed up by whoever comes first.

    Mostly the first look tells, and the answer is committed along with the verdict. A new id is committed
    at once: nobody else knows which one it is.
    """
    for name, value in values.items():
        setattr(change, name, value)
    is_new = command.action in (Change.Action.CREATE, Change.Action.ENROL)
    if is_new and not Change.objects.settle(change, **values):
        return
    deadline = time.monotonic() + settings.POSTER_WRITE_DEADLINE * READ_AFTER
    for left in _tries(deadline):
        try:
            outcome = look_at(change, command.credentials, within=left).outcome
        except PosterError:
            outcome = None
        if not change.is_open:
            return
        if outcome is not None:
            settle(change, outcome, **values)
            return
        if not Change.objects.settle(change, **values):
            return
    schedule_recheck(change, **values)


def _tries(deadline: float) -> Iterator[float]:
    """Yield the seconds left, after each of the pauses, as long as there are some."""
    for pause in READ_PAUSES:
        if time.monotonic() + pause >= deadline:
            return
        time.sleep(pause)
        yield deadline - time.monotonic()
