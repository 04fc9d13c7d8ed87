"""Plan changes of groups, and carry them out when it is time; workers do that, and the cancelling of one.

Each schedule has two writes, the start and the return, and each goes through `execute` with the rights and
the token that its user has at that time. Nothing is kept but the state: whether a write was made is read from
the journal, where the ids of both follow from the schedule. So a step may be repeated after a kill at any
line, and two workers may even make it at once.
"""

import logging
import time
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from groups.models import ApprovalRequest, Change, Lock, PosterCredentials, Schedule, ScheduleQuerySet
from groups.models.schedules import lease_time
from groups.poster import GroupValues, PosterError
from groups.services.gateway import check_token
from groups.services.writes import reach
from groups.services.writes.commands import Sender, UpdateGroup
from groups.services.writes.execute import (
    TRIES_TO_RECORD,
    BonusBlocked,
    Busy,
    NotRecorded,
    Occupied,
    OperationReused,
    Planned,
    execute,
)
from groups.services.writes.outcome import differing
from groups.services.writes.reach import BeyondLimits
from poster_admin.common.outages import is_outage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger("groups.journal")

RIGHT = "groups.change_group"
State, Reason, Failure = Schedule.State, Schedule.Reason, Change.Failure
# Pauses between two tries of a step, for as long as the last ones have failed.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600))
# The pause until the next look at an open change, which another thread settles.
OPEN_DELAY = timedelta(seconds=2)
# Reasons of a failed write that leave the decision to a person: nothing was sent.
HOLDS: dict[str, Schedule.Reason] = {
    Change.Reason.CONFLICT: Reason.CHANGED,
    Change.Reason.GONE: Reason.GONE,
    Change.Reason.UNSAFE: Reason.UNSAFE,
}
# Failures that may pass, or that say nothing about this change.
TRANSIENT = frozenset(("", Failure.UNREACHABLE, Failure.BUSY, Failure.UNCLEAR, Failure.BEHIND))


class NotNow(Exception):
    """The action no longer fits the state of the schedule."""


# --- Plan and read -----------------------------------------------------------------------------------------


def plan(schedule: Schedule, sender: Sender) -> Schedule:
    """Save a schedule with its lock; the same form sent twice is one schedule.

    Raises `BeyondLimits` if its start goes beyond the limits of the account, `Planned`
    if the group has another one, `Occupied` if it is being retired, `Busy` if its removal is open,
    `OperationReused`, and `NotRecorded` if the database refuses the row for another reason.
    """
    schedule.start_id = uuid.uuid5(schedule.pk, "start")
    schedule.return_id = uuid.uuid5(schedule.pk, "return")
    problem: IntegrityError | None = None
    for _ in range(TRIES_TO_RECORD):
        if (known := find_same(schedule)) is not None:
            return known
        reach.check(command_of(schedule, schedule.start_id, sender))
        try:
            with transaction.atomic():
                schedule.save(force_insert=True)
                Lock.objects.take_for_schedule(schedule)
        except IntegrityError as error:
            problem = error
            if find_same(schedule) is None:
                _raise_lock(schedule)
        else:
            return schedule
    log.error("A planned change cannot be recorded", exc_info=problem)
    raise NotRecorded from problem


def start_asked(schedule: Schedule, request: ApprovalRequest, user: "User", base: GroupValues) -> None:
    """Approve the request for a schedule, and plan it with the rights and the token of this user.

    `base` are the values of its group now. Raises `NotNow` if the request no longer waits or the schedule is
    over by now, and else as `plan` does.
    """
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    old, new = schedule.base_values, schedule.planned_values
    wanted = {name: getattr(new, name) for name in differing(old, new)}
    values: dict[str, object] = {
        "user": user,
        "user_name": user.get_username(),
        "asked_by": request.user_name,
        "base": base.to_json(),
        "planned": base.replace(**wanted).to_json(),
        "state": State.PLANNED,
        "created_at": timezone.now(),
    }
    if schedule.ends_at is not None and schedule.ends_at <= timezone.now():
        raise NotNow
    try:
        with transaction.atomic():
            if not ApprovalRequest.objects.decide(request, ApprovalRequest.State.APPROVED, user):
                raise NotNow
            _update(schedule, **values)
            Lock.objects.take_for_schedule(schedule)
    except IntegrityError:
        _raise_lock(schedule)
        raise NotNow from None  # the conflicting lock was released a moment ago


def find(credentials: PosterCredentials, operation: str) -> Schedule | None:
    """Return the schedule that a form with this `operation` has made, or None."""
    try:
        return schedules_of(credentials).filter(pk=uuid.UUID(operation)).first()
    except ValueError:
        return None


def find_same(schedule: Schedule) -> Schedule | None:
    """Return the schedule that the same form has made, or None. Raises `OperationReused`."""
    known = Schedule.objects.select_related("request").filter(pk=schedule.pk).first()
    if known is not None and _asked(known) != _asked(schedule):
        raise OperationReused
    return known


def _asked(schedule: Schedule) -> tuple[object, ...]:
    planned = schedule.planned_values
    # An approved schedule belongs to the user who has approved it, and the form to the one who asked for it.
    user_id = schedule.request.user_id if schedule.request else schedule.user_id
    return (
        *(schedule.account_id, user_id, schedule.group_id),
        *(planned.percent, planned.birthday_bonus, schedule.starts_at, schedule.ends_at),
    )


def _raise_lock(schedule: Schedule) -> None:
    lock = Lock.objects.in_the_way(schedule.account_id, schedule.lock_keys)
    if lock and lock.schedule:
        raise Planned(lock.schedule)
    if lock and lock.job:
        raise Occupied(lock.job)
    if lock and lock.change:
        raise Busy(lock.change)


def schedules_of(credentials: PosterCredentials) -> ScheduleQuerySet:
    """Return the schedules of an account. Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    return Schedule.objects.filter(account=credentials.account_id).exclude(state=State.ASKED)


def open_schedules(credentials: PosterCredentials) -> dict[int, Schedule]:
    """Return the open schedules of an account by the ids of their groups; the lock allows one for each."""
    found = schedules_of(credentials).open()
    # Most accounts have none, and to ask for whole rows takes Django twice as long.
    return {each.group_id: each for each in found} if found.exists() else {}


def schedule_of(credentials: PosterCredentials, group_id: int) -> Schedule | None:
    """Return the schedule of a group that is open or that needs a person, or None."""
    shown = schedules_of(credentials).filter(group_id=group_id, state__in=(*Schedule.OPEN, State.HELD))
    found = sorted(shown, key=lambda each: (each.is_open, each.created_at))
    return found[-1] if found else None


# --- Cancel ------------------------------------------------------------------------------------------------


def cancel(schedule: Schedule, *, user: "User") -> None:
    """Cancel a schedule; one that is in force returns at once, with the rights and the token of this user.

    One that was held in force because of its person is returned too; any other held one is only closed. If
    the return cannot be made now, a worker goes on with it. Raises `PermissionDenied` and `NotNow`, and
    `Planned`, `Occupied` or `Busy` if something else has the lock of a held one by now.
    """
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    now = timezone.now()
    values = {"cancelled_at": now, "cancelled_by": user, "cancelled_by_name": user.get_username()}
    rows = Schedule.objects.filter(pk=schedule.pk)
    if schedule.can_be_returned:
        _take_up_again(schedule, values)
    elif schedule.state == State.HELD:
        if not _update(schedule, state=State.CANCELLED, **values):
            raise NotNow
        return
    else:
        # Leave the lease to the worker that is at a step: it sees the cancellation when it stores its result.
        rows.open().filter(cancelled_at=None).update(next_try_at=None, **values)
        schedule.refresh_from_db()
        if not schedule.is_open:
            raise NotNow
    Run(schedule, now).make()


def _take_up_again(schedule: Schedule, values: dict[str, object]) -> None:
    """Put a held schedule in force again, to be returned by another user."""
    again = uuid.uuid5(schedule.return_id, "again")
    values |= {"state": State.ACTIVE, "reason": "", "ended_at": None, "return_id": again}
    try:
        with transaction.atomic():
            if not _update(schedule, **values):
                raise NotNow
            Lock.objects.take_for_schedule(schedule)
    except IntegrityError:
        schedule.refresh_from_db()
        _raise_lock(schedule)
        raise NotNow from None  # the conflicting lock was released a moment ago


# --- The steps ---------------------------------------------------------------------------------------------


def run_due(now: datetime | None = None) -> list[Schedule]:
    """Make each step that is due at `now`, and return the schedules that have a new state."""
    moment = now or timezone.now()
    moved = []
    for schedule in Schedule.objects.due(moment).select_related("account"):
        state = schedule.state
        try:
            Run(schedule, moment).make()
        except Exception as error:
            if is_outage(error):
                raise
            # Go on with the others; this one is tried again when its lease is over.
            log.exception("A step of planned change %s cannot be made", schedule.pk)
        if schedule.state != state:
            moved.append(schedule)
    return moved


def command_of(schedule: Schedule, change_id: uuid.UUID, sender: Sender) -> UpdateGroup:
    """Return the command of a step: the start, or the return."""
    loaded, intended = schedule.base_values, schedule.planned_values
    returns = change_id == schedule.return_id
    if returns:
        loaded, intended = intended, loaded
    return UpdateGroup(
        user=sender.user,
        credentials=sender.credentials,
        operation=change_id,
        group_id=schedule.group_id,
        loaded=loaded,
        intended=intended,
        returns=returns,
        request=schedule.request,
        limit_reason=schedule.limit_reason,
    )


class Run:
    """One run on a schedule at the time `now`: it makes the steps that are due then."""

    def __init__(self, schedule: Schedule, now: datetime) -> None:
        self.schedule = schedule
        self.now = now
        self._began = time.monotonic()

    def make(self) -> None:
        """Make the start, and the return if that is due as well, unless another process is at it."""
        if not self._lease():
            return
        if self.schedule.state == State.PLANNED:
            self._start()
        if self.schedule.state == State.ACTIVE and self._returns_now():
            self._return()

    def _lease(self) -> bool:
        """Take the lease; another process takes over when it is over, so a killed one does no harm."""
        free = Schedule.objects.free(self.now).filter(pk=self.schedule.pk, turn=self.schedule.turn)
        taken = bool(free.update(turn=F("turn") + 1, held_until=self.now + lease_time()))
        self.schedule.refresh_from_db()
        return taken

    def _has_lease(self) -> bool:
        """Return True unless this process was so slow that another one may have taken over, or cancelled."""
        lasts = time.monotonic() - self._began < lease_time().total_seconds() / 2
        return lasts and Schedule.objects.filter(pk=self.schedule.pk, turn=self.schedule.turn).exists()

    def _start(self) -> None:
        schedule = self.schedule
        change = _find_change(schedule.start_id)
        if change is None and schedule.cancelled_at is not None:
            self._end(State.CANCELLED)
        elif change is None and schedule.ends_at is not None and schedule.ends_at <= self.now:
            self._end(State.MISSED, Reason.TOO_LATE)
        elif self._is_made(change or self._write(schedule.start_id)):
            schedule.refresh_from_db()
            # Without an end it is done, unless it was cancelled while the start was being made.
            if not schedule.returns and not self._is_cancelled_at_end():
                return
            values = {"state": State.ACTIVE, "began_at": self.now, "tries": 0, "next_try_at": None}
            goes_on = self._returns_now()
            self._began = time.monotonic()
            _update(schedule, held_until=self.now + 2 * lease_time() if goes_on else None, **values)

    def _is_cancelled_at_end(self) -> bool:
        """Store the end of a change that stays; return True if it was cancelled a moment before instead."""
        turn = self.schedule.turn
        self._end(State.DONE, began_at=self.now)
        return self.schedule.is_open and self.schedule.turn == turn

    def _returns_now(self) -> bool:
        ends_at = self.schedule.ends_at
        return self.schedule.cancelled_at is not None or (ends_at is not None and ends_at <= self.now)

    def _return(self) -> None:
        schedule = self.schedule
        if self._is_made(_find_change(schedule.return_id) or self._write(schedule.return_id)):
            self._end(State.CANCELLED if schedule.cancelled_at else State.DONE)

    # --- One write -----------------------------------------------------------------------------------------

    def _write(self, change_id: uuid.UUID) -> Change | None:
        """Send the write of the step through the one write path; None if it has to wait or has ended."""
        schedule, start = self.schedule, None
        sender = self._sender()
        if sender is None:
            return None
        if change_id == schedule.return_id:
            start = _find_change(schedule.start_id)
        command = replace(command_of(schedule, change_id, sender), undo_of=start)
        if not self._has_lease():
            return None
        try:
            return execute(command)
        except PermissionDenied:
            self._give_up(Reason.NO_RIGHT)
        except BonusBlocked:
            self._give_up(Reason.BONUS_BLOCKED)
        except BeyondLimits:
            self._end(State.HELD, Reason.BEYOND_LIMITS)
        except (Busy, Occupied, Planned, OperationReused, NotRecorded, PosterError) as error:
            log.info("Planned change %s waits: %s", schedule.pk, type(error).__name__)
            self._wait(RETRY_DELAYS[0])
        return None

    def _sender(self) -> Sender | None:
        """Return the user of the step, with the present rights, and the token; without them give up."""
        schedule = self.schedule
        user_id = schedule.cancelled_by_id if schedule.cancelled_at else schedule.user_id
        user = get_user_model().objects.filter(pk=user_id or 0, is_active=True).first()
        if user is None:
            self._give_up(Reason.NO_USER)
            return None
        its = PosterCredentials.objects.select_related("account").filter(account=schedule.account_id)
        credentials = its.filter(user=user, refused_at=None).first()
        if credentials is None:
            self._give_up(Reason.TOKEN)
            return None
        return Sender(user, credentials)

    # --- Its outcome ---------------------------------------------------------------------------------------

    def _is_made(self, change: Change | None) -> bool:
        """Return True if the write of the step was made; else wait, try again, or hold the schedule."""
        if change is None:
            return False
        match Change.State(change.state):
            case Change.State.APPLIED:
                return True
            case Change.State.PENDING | Change.State.UNKNOWN:
                self._wait(OPEN_DELAY)
            case Change.State.DIFFERS:
                self._end(State.HELD, Reason.DIFFERS)
            case Change.State.REVIEW | Change.State.ELSEWHERE:
                self._end(State.HELD, Reason.REVIEW)
            case Change.State.REFUSED:
                self._give_up(_refusal(change))
            case Change.State.FAILED if change.reason in HOLDS:
                self._end(State.HELD, HOLDS[change.reason])
            case Change.State.FAILED if change.failure in TRANSIENT:
                self._try_again(change)
            case Change.State.FAILED:
                self._give_up(_refusal(change))
            case _ as never:
                assert_never(never)
        return False

    def _try_again(self, change: Change) -> None:
        """Make the next try another change, whose id follows from this one, after an ever longer pause."""
        again = uuid.uuid5(change.pk, "again")
        tries = self.schedule.tries
        name = "start_id" if change.pk == self.schedule.start_id else "return_id"
        self._wait(RETRY_DELAYS[min(tries, len(RETRY_DELAYS) - 1)], tries=tries + 1, **{name: again})

    def _give_up(self, reason: Schedule.Reason) -> None:
        """End a step that cannot be made any more: missed before the start, held while it is in force."""
        self._end(State.HELD if self.schedule.state == State.ACTIVE else State.MISSED, reason)

    def _wait(self, pause: timedelta, **values: object) -> None:
        _update(self.schedule, next_try_at=self.now + pause, held_until=None, **values)

    def _end(self, state: Schedule.State, reason: Schedule.Reason | None = None, **values: object) -> None:
        """Store the end of the schedule, and release its lock."""
        values |= {"state": state, "reason": reason or "", "ended_at": self.now}
        with transaction.atomic():
            if _update(self.schedule, next_try_at=None, held_until=None, **values):
                Lock.objects.filter(schedule=self.schedule).delete()


def _find_change(change_id: uuid.UUID) -> Change | None:
    """Return the change of a step, or the one with which a user has repeated it after its answer was lost."""
    change = Change.objects.filter(pk=change_id).first()
    while change is not None and change.reason == Change.Reason.SUPERSEDED:
        change = change.sent_again.first()
    return change


def _refusal(change: Change) -> Schedule.Reason:
    return Reason.TOKEN if change.failure == Failure.NO_ACCESS else Reason.REFUSED


def _update(schedule: Schedule, **values: object) -> bool:
    """Update the row unless another process has moved it on; afterwards `schedule` has what the row has.

    A cancellation that `schedule` does not know yet keeps a change without an end from being done.
    """
    rows = Schedule.objects.filter(pk=schedule.pk, state=schedule.state, turn=schedule.turn)
    if values.get("state") == State.DONE and not schedule.returns:
        rows = rows.filter(cancelled_at=None)
    updated = bool(rows.update(**values))
    schedule.refresh_from_db()
    return updated
