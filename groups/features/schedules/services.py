"""Plan changes of groups, cancel them, and make their steps: the start and the return.

The journal shows if the write of a step was made already, since the ids of both follow from the schedule. So
a step may be repeated after a kill at any line, and two workers may even make it at once. A step that is late
because no worker ran, or Poster did not answer, is made nevertheless.
"""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, assert_never

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from groups.features.schedules.models import Schedule, ScheduleQuerySet
from groups.models import Change, IdsFirst, PosterAccount, PosterCredentials
from groups.models.contents import Effect
from groups.models.leases import Columns
from groups.models.submissions import Approvable, approvable
from groups.poster import Group, GroupValues
from groups.services import due
from groups.services.events import Event, event_source, one_line
from groups.services.gateway import check_token
from groups.services.installation.maintenance import routine
from groups.services.messages import Message
from groups.services.values import moment_words, money_words, percent_words
from groups.services.writes import gates, submissions
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.outcome import rebase_values, same
from groups.services.writes.reach import changes_terms, effect_on_group
from groups.services.writes.submissions import (
    BonusBlocked,
    NotNow,
    NotSent,
    WriteHeld,
    record_once,
    taking_locks,
)

log = logging.getLogger("groups.journal")

CHANGE_GROUP = "groups.change_group"
State, Reason, Failure = Schedule.State, Schedule.Reason, Change.Failure
# The pause until the next check of an open change, which another thread settles.
OPEN_DELAY = timedelta(seconds=2)
# Reasons of a failed write that leave the decision to a person: nothing was sent.
HOLDS: dict[str, Schedule.Reason] = {
    Change.Reason.CONFLICT: Reason.CHANGED,
    Change.Reason.GONE: Reason.GONE,
    Change.Reason.UNSAFE: Reason.UNSAFE,
}
# Failures that may pass, or that say nothing about this change.
TRANSIENT = frozenset(("", Failure.UNREACHABLE, Failure.BUSY, Failure.UNCLEAR, Failure.STALE))

OPEN = IdsFirst(Schedule.objects.open())
OPEN_OR_HELD = IdsFirst(Schedule.objects.filter(state__in=(*Schedule.OPEN, State.HELD)))


class TooLate(NotSent):
    """The whole time of the schedule has passed before its approval; the request still waits."""

    def message(self) -> Message:
        return Message(
            gettext("The time of this change is over"),
            gettext("Nothing was sent, and the request still waits."),
            gettext("Refuse it. The change can be planned again."),
        )


# --- Plan and read -----------------------------------------------------------------------------------------


def plan_schedule(schedule: Schedule, credentials: PosterCredentials) -> Schedule:
    """Save a schedule with its lock; the same form sent twice is one schedule.

    Raises `PermissionDenied`, what a gate raises for its start, and as `record_once`.
    """
    if not credentials.user.has_perm(CHANGE_GROUP):
        raise PermissionDenied
    schedule.start_id = uuid.uuid5(schedule.pk, "start")
    schedule.return_id = uuid.uuid5(schedule.pk, "return")
    schedule.next_at = schedule.starts_at

    def pass_gates() -> None:
        columns = gates.ahead(command_of(schedule, schedule.start_id, credentials))
        if schedule.limit_reason and schedule.allowed_clients is None:
            schedule.allowed_clients = columns.get("reached")

    return record_once(schedule, pass_gates)


def schedules_of(credentials: PosterCredentials) -> ScheduleQuerySet:
    """Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    return Schedule.objects.filter(account=credentials.account_id).exclude(state=State.REQUESTED)


def open_schedules(credentials: PosterCredentials) -> dict[int, Schedule]:
    check_token(credentials)
    return {each.group_id: each for each in OPEN.find(account=credentials.account_id)}


def schedule_of(credentials: PosterCredentials, group_id: int) -> Schedule | None:
    check_token(credentials)
    found = OPEN_OR_HELD.find(account=credentials.account_id, group_id=group_id)
    return max(found, key=lambda each: (each.is_open, each.created_at), default=None)


def is_overtaken(schedule: Schedule, group: Group | None) -> bool:
    """Return True if the next step will not be sent: the group has other values for certain."""
    return group is not None and schedule.is_open and not same(schedule.expected_values, group)


# --- Cancel ------------------------------------------------------------------------------------------------


class Ending(StrEnum):
    DROP = "drop"
    RETURN = "return"
    CLOSE = "close"


def ending_of(schedule: Schedule) -> Ending | None:
    """Return what cancelling a schedule would do now; None if it is over, or being cancelled.

    While the outcome of its start is unknown, Poster may have the new values, which would return.
    """
    if schedule.state == State.HELD:
        return Ending.RETURN if schedule.can_be_returned else Ending.CLOSE
    if not schedule.is_open or schedule.cancelled_at is not None:
        return None
    is_untouched = Schedule.objects.filter(pk=schedule.pk).not_begun(timezone.now()).exists()
    return Ending.DROP if is_untouched else Ending.RETURN


def cancel_schedule(schedule: Schedule, *, user: User, said: str = "") -> None:
    """Cancel a schedule; one that is in force returns at once, with the rights and the token of this user.

    If the return cannot be made now, a worker goes on with it. With `said`, the `Ending` that a page has
    shown, nothing else is done. Raises `PermissionDenied`, `NotNow`, and `Locked` if something else has the
    lock of a held one by now.
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
        values |= {"state": State.ACTIVE, "reason": "", "ended_at": None, "return_id": again, "next_at": now}
        with taking_locks(schedule):
            if not schedule.store(**values):
                raise NotNow
            schedule.take_locks()
    elif schedule.state == State.HELD:
        if not schedule.store(state=State.CANCELLED, **values):
            raise NotNow
        return
    else:
        # Leave the lease to the worker that is at a step: it sees the cancellation when it stores its result.
        rows = Schedule.objects.open().filter(pk=schedule.pk, cancelled_at=None)
        if said == Ending.DROP:
            rows = rows.not_begun(now)
        is_cancelled = rows.update(next_at=now, **values)
        schedule.refresh_from_db()
        if not schedule.is_open or (said == Ending.DROP and not is_cancelled):
            raise NotNow
    due.run_due(Schedule.objects.select_related("account").filter(pk=schedule.pk), make_steps, now)
    schedule.refresh_from_db()


# --- The steps -------------------------------------------------------------------------------------------


def accounts_due() -> QuerySet[Schedule, str]:
    return Schedule.objects.due().order_by().values_list("account", flat=True).distinct()


def run_due_plans(now: datetime | None = None, account: str | None = None) -> list[Schedule]:
    """Make each step that is due, at `now` or else at its turn; return the schedules with a new state."""
    states = {}

    def work(turn: due.Turn[Schedule]) -> Columns:
        states[turn.row.pk] = turn.row.state
        return make_steps(turn)

    schedules = Schedule.objects.select_related("account").order_by("starts_at", "created_at")
    if account is not None:
        schedules = schedules.filter(account=account)
    moved = [each for each in due.run_due(schedules, work, now) if each.state != states[each.pk]]
    for schedule in moved:
        log.info("Planned change %s is %s %s", schedule.pk, schedule.state, schedule.reason)
    return moved


routine("planned changes", pause=1.0, for_each=accounts_due)(lambda account: run_due_plans(account=account))


def command_of(schedule: Schedule, change_id: uuid.UUID, credentials: PosterCredentials) -> UpdateGroup:
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
        shows_cost=False,
        undo_of=find_change(schedule.start_id) if returns else None,
        request_id=schedule.request_id,
        requested_by=schedule.requested_by,
        limit_reason=schedule.limit_reason,
        allowed_clients=schedule.allowed_clients,
    )


def make_steps(turn: due.Turn[Schedule]) -> Columns:
    """Make the start, and the return if that is due as well."""
    schedule, now = turn.row, turn.now
    if schedule.state == State.PLANNED:
        change = find_change(schedule.start_id)
        if change is None and schedule.cancelled_at is not None:
            return _end(State.CANCELLED, now)
        if change is None and schedule.ends_at is not None and schedule.ends_at <= now:
            return _end(State.MISSED, now, Reason.TOO_LATE)
        if columns := _columns_unless_made(schedule, change or _write(turn, schedule.start_id), now):
            return columns
        schedule.refresh_from_db(fields=["cancelled_at", "cancelled_by", "cancelled_by_name"])
        if not schedule.returns:
            # Without an end it is done, unless it is cancelled as that is stored.
            schedule.release(turn.lease, **_end(State.DONE, now), began_at=now)
            if schedule.holder != turn.lease.holder:
                return {}
        # A cancellation that comes as this is stored has made the return due.
        next_at = Case(When(cancelled_at=None, then=F("ends_at")), default=Value(now))
        columns = {"state": State.ACTIVE, "began_at": now, "next_at": next_at, "tries": 0, "refused_at": None}
        # The return that follows at once has the time of a write too.
        columns |= turn.lease.renewal(now + 2 * schedule.lease_time())
        if not schedule.store(turn.lease, **columns):
            raise due.LeaseLost
        if schedule.next_at is None or schedule.next_at > now:
            return {}
    change = find_change(schedule.return_id)
    waits = _columns_unless_made(schedule, change or _write(turn, schedule.return_id), now)
    return waits or _end(State.CANCELLED if schedule.cancelled_at else State.DONE, now)


def _end(state: Schedule.State, now: datetime, reason: str = "") -> Columns:
    return {"state": state, "reason": reason, "ended_at": now, "next_at": None}


def _write(turn: due.Turn[Schedule], change_id: uuid.UUID) -> Change:
    command = command_of(turn.row, change_id, turn.credentials)
    # This process may have been so slow that another one has taken over, or is about to.
    if not turn.lease.is_held(within=turn.row.lease_time() / 2):
        raise due.LeaseLost
    try:
        return execute(command)
    except BonusBlocked:
        raise due.Hold(Reason.BONUS_BLOCKED) from None
    except WriteHeld:
        raise due.Hold(Reason.BEYOND_LIMITS) from None


def _columns_unless_made(schedule: Schedule, change: Change, now: datetime) -> Columns:
    """Return nothing if the write of the step was made, or when to check it again.

    Raises `Hold` if a person has to decide, and `Later` if another write is tried.
    """
    # The id of the change that is the next try of this step follows from the failed one.
    next_id = {"start_id" if schedule.state == State.PLANNED else "return_id": uuid.uuid5(change.pk, "again")}
    match Change.State(change.state):
        case Change.State.APPLIED:
            return {}
        case Change.State.PENDING | Change.State.UNKNOWN:
            return {"next_at": now + OPEN_DELAY}
        case Change.State.DIFFERS:
            raise due.Hold(Reason.DIFFERS)
        case Change.State.REVIEW | Change.State.ELSEWHERE:
            raise due.Hold(Reason.REVIEW)
        case Change.State.FAILED if change.reason in HOLDS:
            raise due.Hold(HOLDS[change.reason])
        case Change.State.FAILED if change.failure in TRANSIENT:
            raise due.Later(**next_id)
        case Change.State.FAILED if change.failure == Failure.NO_ACCESS:
            raise due.DueRowRefused(due.DueRowHeld.TOKEN, **next_id)
        case Change.State.FAILED | Change.State.REFUSED:
            raise due.Hold(Reason.TOKEN if change.failure == Failure.NO_ACCESS else Reason.REFUSED)
        case _ as never:
            assert_never(never)


def find_change(change_id: uuid.UUID) -> Change | None:
    """Return the change of a step, or the one with which a user has repeated it after its answer was lost."""
    change = Change.objects.filter(pk=change_id).first()
    while change is not None and change.reason == Change.Reason.SUPERSEDED:
        change = change.sent_again.first()
    return change


# --- Plans that wait for an approval -----------------------------------------------------------------------


@approvable
class ApprovableSchedule(Approvable):
    kind = "schedule"
    label = gettext_lazy("a planned change")
    model = Schedule

    def words_onto(self, now: Effect | None) -> str:
        schedule = self.row
        if schedule.state != State.REQUESTED or now is None or now.group is None:
            return planned_words(schedule)
        base = now.group.values
        return planned_words(
            schedule, base, rebase_values(schedule.base_values, schedule.planned_values, base)
        )

    def may_be_started_by(self, user: User) -> bool:
        return user.has_perm(CHANGE_GROUP)

    def effect(self, credentials: PosterCredentials) -> Effect:
        """Raises `NotFound` if its group is gone."""
        counts = changes_terms(self.row.base_values, self.row.planned_values)
        return effect_on_group(credentials, self.row.group_id, counts=counts)

    def let_wait(self, request_id: uuid.UUID) -> None:
        self.row.request_id, self.row.state, self.row.next_at = request_id, State.REQUESTED, None
        self.row.save(force_insert=True)

    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        """Plan it onto the values of its group now. Raises `TooLate` too."""
        schedule = self.row
        base, planned = schedule.base_values, schedule.planned_values
        if now.group:
            base, planned = now.group.values, rebase_values(base, planned, now.group.values)
        if same(base, planned):
            schedule.store(state=State.CANCELLED, ended_at=timezone.now())
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
            "next_at": schedule.starts_at,
            "created_at": timezone.now(),
        }
        with taking_locks(schedule):
            schedule.store(**values)
            schedule.take_locks()
        return True


# --- Words and events --------------------------------------------------------------------------------------


def planned_words(schedule: Schedule, old: GroupValues | None = None, new: GroupValues | None = None) -> str:
    """Return what is planned, by its own values, or by those that it would have now."""
    old, new = old or schedule.base_values, new or schedule.planned_values
    words = {"start": moment_words(schedule.starts_at)}
    for name, values in ("old", old), ("new", new):
        words[name] = percent_words(values.percent)
        if old.birthday_bonus != new.birthday_bonus:
            both = {"percent": words[name], "bonus": money_words(values.birthday_bonus)}
            words[name] = gettext("%(percent)s and %(bonus)s") % both
    if schedule.ends_at is None:
        return gettext("%(new)s instead of %(old)s from %(start)s on, without an end.") % words
    words["end"] = moment_words(schedule.ends_at)
    return gettext("%(new)s instead of %(old)s from %(start)s until %(end)s, then %(old)s again.") % words


@event_source("schedule", gettext_lazy("A planned change was held or missed"), needs_person=True)
def find_events(account: PosterAccount, since: datetime) -> Iterator[Event]:
    rows = Schedule.objects.filter(account=account, ended_at__gt=since, state__in=(State.HELD, State.MISSED))
    for schedule in rows.order_by():
        at = schedule.ended_at or schedule.created_at  # one that was taken up again may be held again
        key = f"schedule {schedule.pk} {schedule.state} {at.isoformat()}"
        yield Event(key, at, schedule.get_absolute_url(), partial(schedule_words, schedule))


def schedule_words(schedule: Schedule) -> str:
    text = gettext("A planned change of “%(group)s” is held: a person has to decide.")
    if schedule.state == State.MISSED:
        text = gettext("A planned change of “%(group)s” was missed.")
    return one_line(text % {"group": schedule.group_name}, str(Schedule.Reason(schedule.reason).label))


submissions.register(Schedule.objects.exclude(state=State.REQUESTED))
