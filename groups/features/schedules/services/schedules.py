"""Plan changes of groups, read the plans, and cancel them; say what is planned. `steps` carries them out."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from groups.features.schedules.models import Schedule, ScheduleQuerySet
from groups.features.schedules.services.steps import command_of, make_steps, update_schedule
from groups.models import PosterAccount, PosterCredentials
from groups.models.asked import Asked
from groups.models.contents import Effect
from groups.models.rare_rows import RareRows
from groups.poster import Group, GroupValues
from groups.services.events import Event, one_line
from groups.services.gateway import check_token
from groups.services.groups import Groups
from groups.services.values import moment_words, money_words, percent_words
from groups.services.writes import gates
from groups.services.writes.lag import with_own_change
from groups.services.writes.not_sent import NotNow, NotSent, taking_locks
from groups.services.writes.outcome import rebase_values, same
from groups.services.writes.reach import changes_terms, effect_on_group
from groups.services.writes.submissions import record_once

CHANGE_GROUP = "groups.change_group"
State = Schedule.State
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


def is_overtaken(schedule: Schedule, group: Group) -> bool:
    """Return True if the group has other values than the next step of the schedule starts from.

    That step will not be sent. A read that does not show a change made here yet counts as if it did.
    """
    expected = schedule.expected_values
    if not schedule.is_open or same(expected, group):
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


# --- Plans that wait for an approval -----------------------------------------------------------------------


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
