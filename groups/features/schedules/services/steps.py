"""Make the steps of planned changes: the start and the return; workers do that, and the cancelling of one.

Each step goes through `execute` with the rights and the token that its user has at that time. The journal
tells if its write was made already: the ids of both writes follow from the schedule. So a step may be
repeated after a kill at any line, and two workers may even make it at once.

A step that is late because no worker ran, or Poster did not answer, is made nevertheless. One that came due
while this feature was switched off is never made late: nobody could see it, and people have gone on without
it. A worker that runs without a feature says so with its heartbeat (`LeftOutFeature`); if one did after a
step was due, a start is missed, and a return is held: the new values stay until a person brings the old ones
back. A step whose write is in the journal has been made, and goes on.
"""

import logging
import uuid
from datetime import datetime, timedelta
from typing import assert_never

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from groups.features.schedules.models import Schedule, lease_time, longest_lease
from groups.models import Change, Lock, PosterCredentials
from groups.models.leases import RELEASED, Lease
from groups.poster import NotAllowed, PosterError, TokenRejected
from groups.services.credentials import credentials_to_try, is_active
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.not_sent import BonusBlocked, Held, NotSent
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.journal")

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


def accounts_due() -> QuerySet[Schedule, str]:
    """Return the names of the accounts with a step that is due."""
    due = Schedule.objects.due(timezone.now())
    return due.order_by().values_list("account", flat=True).distinct()


def carry_out(account: str) -> None:
    """Make the steps that are due in an account, and log new states."""
    for schedule in run_due(account=account):
        log.info("Planned change %s is %s %s", schedule.pk, schedule.state, schedule.reason)


def run_due(now: datetime | None = None, account: str | None = None) -> list[Schedule]:
    """Make each step that is due, at `now` or else at its turn, of one account or of all.

    Return the schedules with a new state.
    """
    moved = []
    due = Schedule.objects.due(now or timezone.now()).select_related("account")
    if account is not None:
        due = due.filter(account=account)
    for schedule in due:
        state = schedule.state
        try:
            make_steps(schedule, now or timezone.now())  # the steps before may have taken minutes
        except Exception as error:
            if is_outage(error):
                raise
            # Go on with the others; this one is tried again when its lease is over.
            log.exception("A step of planned change %s cannot be made", schedule.pk)
        if schedule.state != state:
            moved.append(schedule)
    return moved


def command_of(schedule: Schedule, change_id: uuid.UUID, credentials: PosterCredentials) -> UpdateGroup:
    """Return the command of a step: the start, or the return."""
    loaded, intended = schedule.base_values, schedule.planned_values
    returns = change_id == schedule.return_id
    if returns:
        loaded, intended = intended, loaded
    return UpdateGroup(
        credentials=credentials,
        operation=change_id,
        group_id=schedule.group_id,
        loaded=loaded,
        intended=intended,
        returns=returns,
        tells_cost=False,
        undo_of=_find_change(schedule.start_id) if returns else None,
        request_id=schedule.request_id,
        asked_by=schedule.asked_by,
        limit_reason=schedule.limit_reason,
        allowed_clients=schedule.allowed_clients,
    )


def make_steps(schedule: Schedule, now: datetime) -> None:
    """Make the start, and the return if that is due as well, unless another process is at it."""
    lease = Schedule.objects.due(now).take(schedule.pk, lease_time(), now=now)
    schedule.refresh_from_db()
    if lease is not None:
        Run(schedule, lease, now).make()


class Run:
    """One run on a schedule, under a lease: it makes the steps that are due at the time `now`."""

    def __init__(self, schedule: Schedule, lease: Lease[Schedule], now: datetime) -> None:
        self.schedule = schedule
        self.lease = lease
        self.now = now

    def make(self) -> None:
        if self.schedule.state == State.PLANNED:
            self._start()
        if self.schedule.state == State.ACTIVE and self._returns_now():
            change = _find_change(self.schedule.return_id)
            if self._is_made(change or self._write(self.schedule.return_id)):
                self._end(State.CANCELLED if self.schedule.cancelled_at else State.DONE)

    def _start(self) -> None:
        schedule = self.schedule
        change = _find_change(schedule.start_id)
        if change is None and schedule.cancelled_at is not None:
            self._end(State.CANCELLED)
        elif change is None and schedule.ends_at is not None and schedule.ends_at <= self.now:
            self._end(State.MISSED, Reason.TOO_LATE)
        elif self._is_made(change or self._write(schedule.start_id)):
            schedule.refresh_from_db(fields=["cancelled_at", "cancelled_by", "cancelled_by_name"])
            # Without an end it is done, unless it was cancelled while the start was being made.
            if not schedule.returns:
                self._end(State.DONE, began_at=self.now)
                if schedule.holder != self.lease.holder:
                    return
            values = {
                "state": State.ACTIVE,
                "began_at": self.now,
                "tries": 0,
                "refusals": 0,
                "next_try_at": None,
            }
            if self._returns_now():
                self._store(**self.lease.renewal(self.now + longest_lease()), **values)
            else:
                self._store(**RELEASED, **values)

    def _returns_now(self) -> bool:
        ends_at = self.schedule.ends_at
        return self.schedule.cancelled_at is not None or (ends_at is not None and ends_at <= self.now)

    # --- One write -----------------------------------------------------------------------------------------

    def _write(self, change_id: uuid.UUID) -> Change | None:
        """Send the write of the step through the one write path; None if it has to wait or has ended."""
        schedule = self.schedule
        user_id = schedule.cancelled_by_id if schedule.cancelled_at else schedule.user_id
        credentials = credentials_to_try(user_id, schedule.account_id)
        if credentials is None:
            self._give_up(Reason.TOKEN if is_active(user_id) else Reason.NO_USER)
            return None
        command = command_of(schedule, change_id, credentials)
        # This process may have been so slow that another one has taken over, or is about to.
        if not self.lease.is_held(within=lease_time() / 2):
            return None
        try:
            return execute(command)
        except PermissionDenied:
            self._give_up(Reason.NO_RIGHT)
        except BonusBlocked:
            self._give_up(Reason.BONUS_BLOCKED)
        except Held:
            self._end(State.HELD, Reason.BEYOND_LIMITS)
        except (TokenRejected, NotAllowed):
            self._be_refused()
        except (NotSent, PosterError) as error:
            log.info("Planned change %s waits: %s", schedule.pk, type(error).__name__)
            self._wait(RETRY_DELAYS[0])
        return None

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
            case Change.State.FAILED if change.reason in HOLDS:
                self._end(State.HELD, HOLDS[change.reason])
            case Change.State.FAILED if change.failure in TRANSIENT:
                tries = self.schedule.tries
                pause = RETRY_DELAYS[min(tries, len(RETRY_DELAYS) - 1)]
                self._wait(pause, tries=tries + 1, **self._id_after(change))
            case Change.State.FAILED if change.failure == Failure.NO_ACCESS:
                self._be_refused(**self._id_after(change))
            case Change.State.FAILED | Change.State.REFUSED:
                self._give_up(Reason.TOKEN if change.failure == Failure.NO_ACCESS else Reason.REFUSED)
            case _ as never:
                assert_never(never)
        return False

    def _id_after(self, change: Change) -> dict[str, object]:
        """Return the id of the change that is the next try of this step; it follows from the failed one."""
        name = "start_id" if self.schedule.state == State.PLANNED else "return_id"
        return {name: uuid.uuid5(change.pk, "again")}

    def _be_refused(self, **values: object) -> None:
        """Try again later, since Poster may refuse a token by mistake; give up once it was refused often."""
        refusals = self.schedule.refusals
        if refusals < len(RETRY_DELAYS):
            self._wait(RETRY_DELAYS[refusals], refusals=refusals + 1, **values)
        else:
            self._give_up(Reason.TOKEN)

    def _give_up(self, reason: Schedule.Reason) -> None:
        """End a step that cannot be made any more: missed before the start, held while it is in force."""
        self._end(State.HELD if self.schedule.state == State.ACTIVE else State.MISSED, reason)

    def _wait(self, pause: timedelta, **values: object) -> None:
        self._store(next_try_at=self.now + pause, **RELEASED, **values)

    def _store(self, **values: object) -> bool:
        return update_schedule(self.schedule, lease=self.lease, **values)

    def _end(self, state: Schedule.State, reason: Schedule.Reason | None = None, **values: object) -> None:
        """Store the end of the schedule, and release its lock."""
        values |= {"state": state, "reason": reason or "", "ended_at": self.now}
        with transaction.atomic():
            if self._store(next_try_at=None, **RELEASED, **values):
                Lock.objects.filter(feature="schedules", row_id=self.schedule.pk).delete()


def _find_change(change_id: uuid.UUID) -> Change | None:
    """Return the change of a step, or the one with which a user has repeated it after its answer was lost."""
    change = Change.objects.filter(pk=change_id).first()
    while change is not None and change.reason == Change.Reason.SUPERSEDED:
        change = change.sent_again.first()
    return change


def update_schedule(schedule: Schedule, *, lease: Lease[Schedule] | None = None, **values: object) -> bool:
    """Update the row unless another process has moved it on; afterwards `schedule` has what the row has.

    A worker stores through its lease. A cancellation that `schedule` does not know yet keeps a change without
    an end from being done.
    """
    rows = lease.row if lease else Schedule.objects.filter(pk=schedule.pk)
    # The id of the return tells one that is held from one that was taken up since, and is held again.
    rows = rows.filter(state=schedule.state, return_id=schedule.return_id)
    if values.get("state") == State.DONE and not schedule.returns:
        rows = rows.filter(cancelled_at=None)
    updated = bool(rows.update(**values))
    schedule.refresh_from_db()
    return updated
