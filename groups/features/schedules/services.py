"""Plan changes of groups, cancel them, and make their steps: the start and the return.

Each step goes through `execute` with the rights and the token that its user has at that time. The journal
tells if its write was made already: the ids of both writes follow from the schedule. So a step may be
repeated after a kill at any line, and two workers may even make it at once. A step that is late because no
worker ran, or Poster did not answer, is made nevertheless.
"""

import logging
import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, assert_never

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from groups.features.schedules.models import Schedule, ScheduleQuerySet, lease_time, longest_lease
from groups.models import Change, Lock, PosterAccount, PosterCredentials, asked
from groups.models.asked import Asked
from groups.models.contents import Effect
from groups.models.leases import RELEASED, Lease
from groups.models.rare_rows import RareRows
from groups.poster import Group, GroupValues, NotAllowed, PosterError, TokenRejected
from groups.services.credentials import credentials_to_try, is_active
from groups.services.events import Event, event_source, one_line
from groups.services.gateway import check_token
from groups.services.groups import Groups
from groups.services.installation.maintenance import routine
from groups.services.values import moment_words, money_words, percent_words
from groups.services.writes import gates, submissions
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.lag import with_own_change
from groups.services.writes.not_sent import BonusBlocked, Held, NotNow, NotSent, taking_locks
from groups.services.writes.outcome import rebase_values, same
from groups.services.writes.reach import changes_terms, effect_on_group
from groups.services.writes.submissions import record_once
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.journal")

CHANGE_GROUP = "groups.change_group"
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

OPEN = RareRows(Schedule.objects.open())
OPEN_OR_HELD = RareRows(Schedule.objects.filter(state__in=(*Schedule.OPEN, State.HELD)))


class TooLate(NotSent):
    """The whole time of the schedule has passed before its approval; the request still waits."""


# --- Plan and read -----------------------------------------------------------------------------------------


def plan_schedule(schedule: Schedule, credentials: PosterCredentials) -> Schedule:
    """Save a schedule with its lock; the same form sent twice is one schedule.

    Raises `PermissionDenied`, what a gate raises for its start, and as `record_once`: `Locked` if the group
    has another one, is being retired, or its removal is open.
    """
    if not credentials.user.has_perm(CHANGE_GROUP):
        raise PermissionDenied
    schedule.start_id = uuid.uuid5(schedule.pk, "start")
    schedule.return_id = uuid.uuid5(schedule.pk, "return")

    def pass_gates() -> None:
        columns = gates.ahead(command_of(schedule, schedule.start_id, credentials))
        if schedule.limit_reason and schedule.allowed_clients is None:
            schedule.allowed_clients = columns.get("reached")

    return record_once(schedule, pass_gates)


def schedules_of(credentials: PosterCredentials) -> ScheduleQuerySet:
    """Return the schedules of an account. Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    return Schedule.objects.filter(account=credentials.account_id).exclude(state=State.ASKED)


def open_schedules(credentials: PosterCredentials) -> dict[int, Schedule]:
    """Return the open schedules of an account by the ids of their groups; the lock allows one for each."""
    check_token(credentials)
    return {each.group_id: each for each in OPEN.find(account=credentials.account_id)}


def schedule_of(credentials: PosterCredentials, group_id: int) -> Schedule | None:
    """Return the schedule of a group that is open or that needs a person, or None."""
    check_token(credentials)
    found = OPEN_OR_HELD.find(account=credentials.account_id, group_id=group_id)
    return max(found, key=lambda each: (each.is_open, each.created_at), default=None)


def groups_of(
    schedules: Mapping[int, Schedule], groups: Groups, locked_ids: Collection[int]
) -> dict[int, Group]:
    """Return the groups of these schedules as Poster has them now, by their ids.

    The last good copy, and a group with a change that has no outcome yet, say nothing about a schedule.
    """
    if not schedules or groups.is_copy:
        return {}
    certain = schedules.keys() - locked_ids
    return {group.id: group for group in groups.groups if group.id in certain}


def is_overtaken(schedule: Schedule, group: Group | None) -> bool:
    """Return True if the group is known to have other values than the next step of the schedule starts from.

    That step will not be sent. A read that does not show a change made here yet counts as if it did.
    """
    expected = schedule.expected_values
    if group is None or not schedule.is_open or same(expected, group):
        return False
    return not same(expected, with_own_change(schedule.account_id, group)[0])


# --- Cancel ------------------------------------------------------------------------------------------------


class Ending(StrEnum):
    """The effect of cancelling: nothing is sent, the old values return, or a held schedule is closed."""

    DROP = "drop"
    RETURN = "return"
    CLOSE = "close"


def ending_of(schedule: Schedule) -> Ending | None:
    """Return what cancelling a schedule would do now; None if it is over, or being cancelled.

    While its start is being made, or has no outcome yet, Poster may have the new values, which would return.
    """
    if schedule.state == State.HELD:
        return Ending.RETURN if schedule.can_be_returned else Ending.CLOSE
    if not schedule.is_open or schedule.cancelled_at is not None:
        return None
    is_untouched = Schedule.objects.filter(pk=schedule.pk).not_begun(timezone.now()).exists()
    return Ending.DROP if is_untouched else Ending.RETURN


def cancel_schedule(schedule: Schedule, *, user: User, said: str = "") -> None:
    """Cancel a schedule; one that is in force returns at once, with the rights and the token of this user.

    One that was held in force and can still be returned is returned too; any other held one is only closed.
    If the return cannot be made now, a worker goes on with it. With `said`, the `Ending` of which a page has
    told the user, nothing else is done. Raises `PermissionDenied` and `NotNow`, and `Locked` if something
    else has the lock of a held one by now.
    """
    if not user.has_perm(CHANGE_GROUP):
        raise PermissionDenied
    if said and said != ending_of(schedule):
        raise NotNow
    now, name = timezone.now(), user.get_username()
    values: dict[str, Any] = {"cancelled_at": now, "cancelled_by": user, "cancelled_by_name": name}
    if schedule.can_be_returned:
        # Put it in force again, to be returned by this user.
        again = uuid.uuid5(schedule.return_id, "again")
        values |= {"state": State.ACTIVE, "reason": "", "ended_at": None, "return_id": again}
        with taking_locks(schedule):
            if not update_schedule(schedule, **values):
                raise NotNow
            schedule.take_locks()
    elif schedule.state == State.HELD:
        if not update_schedule(schedule, state=State.CANCELLED, **values):
            raise NotNow
        return
    else:
        # Leave the lease to the worker that is at a step: it sees the cancellation when it stores its result.
        rows = Schedule.objects.open().filter(pk=schedule.pk, cancelled_at=None)
        if said == Ending.DROP:
            rows = rows.not_begun(now)
        is_cancelled = rows.update(next_try_at=None, **values)
        schedule.refresh_from_db()
        if not schedule.is_open or (said == Ending.DROP and not is_cancelled):
            raise NotNow
    make_steps(schedule, now)


# --- The steps -------------------------------------------------------------------------------------------


def accounts_due() -> QuerySet[Schedule, str]:
    """Return the names of the accounts with a step that is due."""
    due = Schedule.objects.due(timezone.now())
    return due.order_by().values_list("account", flat=True).distinct()


@routine("planned changes", pause=1.0, accounts=accounts_due)
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
        undo_of=find_change(schedule.start_id) if returns else None,
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
            change = find_change(self.schedule.return_id)
            if self._is_made(change or self._write(self.schedule.return_id)):
                self._end(State.CANCELLED if self.schedule.cancelled_at else State.DONE)

    def _start(self) -> None:
        schedule = self.schedule
        change = find_change(schedule.start_id)
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


def find_change(change_id: uuid.UUID) -> Change | None:
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


# --- Plans that wait for an approval -----------------------------------------------------------------------


@asked.register
class AskedSchedule(Asked):
    """A planned change."""

    kind = "schedule"
    label = gettext_lazy("a planned change")
    model = Schedule

    def words_onto(self, now: Effect | None) -> str:
        schedule = self.row
        if schedule.state != State.ASKED or now is None or now.group is None:
            return planned_words(schedule)
        base, planned = self._values_onto(now.group)
        return planned_words(schedule, base, planned)

    def _values_onto(self, group: Group) -> tuple[GroupValues, GroupValues]:
        """Return the values that it would replace now, and those that it would set."""
        base = group.values
        return base, rebase_values(self.row.base_values, self.row.planned_values, base)

    def may_be_started_by(self, user: User) -> bool:
        return user.has_perm(CHANGE_GROUP)

    def effect(self, credentials: PosterCredentials) -> Effect:
        """Return its effect as if it started now. Raises `NotFound` if its group is gone."""
        counts = changes_terms(self.row.base_values, self.row.planned_values)
        return effect_on_group(credentials, self.row.group_id, counts=counts)

    def let_wait(self, request_id: uuid.UUID) -> None:
        self.row.request_id, self.row.state = request_id, State.ASKED
        self.row.save(force_insert=True)

    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        """Plan it onto the values of its group now. Raises `TooLate` too."""
        schedule = self.row
        base, planned = schedule.base_values, schedule.planned_values
        if now.group:
            base, planned = self._values_onto(now.group)
        if same(base, planned):
            update_schedule(schedule, state=State.CANCELLED, ended_at=timezone.now())
            return False
        if not self.may_be_started_by(user):
            raise PermissionDenied
        if schedule.ends_at is not None and schedule.ends_at <= timezone.now():
            raise TooLate
        values: dict[str, Any] = {
            **consent,
            "allowed_clients": now.clients,
            "user": user,
            "user_name": user.get_username(),
            "base": base.to_json(),
            "planned": planned.to_json(),
            "state": State.PLANNED,
            "created_at": timezone.now(),
        }
        with taking_locks(schedule):
            update_schedule(schedule, **values)
            schedule.take_locks()
        return True


# --- Words and events --------------------------------------------------------------------------------------


def planned_words(schedule: Schedule, old: GroupValues | None = None, new: GroupValues | None = None) -> str:
    """Return what is planned, in a sentence: by its own values, or by those that it would have now."""
    old, new = old or schedule.base_values, new or schedule.planned_values
    words = {"old": _both(old, new), "new": _both(new, old), "start": moment_words(schedule.starts_at)}
    if schedule.ends_at is None:
        return gettext("%(new)s instead of %(old)s from %(start)s on, without an end.") % words
    words["end"] = moment_words(schedule.ends_at)
    return gettext("%(new)s instead of %(old)s from %(start)s until %(end)s, then %(old)s again.") % words


def _both(values: GroupValues, others: GroupValues) -> str:
    words = percent_words(values.percent)
    if values.birthday_bonus == others.birthday_bonus:
        return words
    both = {"percent": words, "bonus": money_words(values.birthday_bonus)}
    return gettext("%(percent)s and %(bonus)s") % both


@event_source("schedule", gettext_lazy("A planned change was held or missed"))
def find_events(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the planned changes that were held or missed, for users who want to be told.

    One that was taken up again may be held again.
    """
    rows = Schedule.objects.filter(account=account, ended_at__gt=since, state__in=(State.HELD, State.MISSED))
    for schedule in rows.order_by():
        at = schedule.ended_at or schedule.created_at
        key = f"schedule {schedule.pk} {schedule.state} {at.isoformat()}"
        yield Event(key, at, schedule.get_absolute_url(), partial(schedule_words, schedule))


def schedule_words(schedule: Schedule) -> str:
    """Say that a planned change was held or missed, and why."""
    words = {"group": schedule.group_name}
    if schedule.state == State.MISSED:
        text = gettext("A planned change of “%(group)s” was missed.") % words
    else:
        text = gettext("A planned change of “%(group)s” is held: a person has to decide.") % words
    return one_line(text, str(Schedule.Reason(schedule.reason).label))


submissions.register(Schedule.objects.exclude(state=State.ASKED))
