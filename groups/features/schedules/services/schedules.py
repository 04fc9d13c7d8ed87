"""Plan changes of groups, read the plans, and cancel them; `steps` carries them out."""

import logging
import uuid
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.features.schedules.models import Schedule, ScheduleQuerySet
from groups.features.schedules.services.steps import command_of, make_steps, update
from groups.models import PosterCredentials
from groups.poster import Group, GroupValues
from groups.services.gateway import check_token
from groups.services.groups import Groups
from groups.services.writes import gates
from groups.services.writes.commands import Sender
from groups.services.writes.execute import TRIES_TO_RECORD
from groups.services.writes.lag import with_own_change
from groups.services.writes.not_sent import (
    NotNow,
    NotRecorded,
    NotSent,
    raise_if_locked,
    taking_locks,
)
from groups.services.writes.outcome import onto, same
from groups.services.writes.submissions import find_known

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger("groups.journal")

RIGHT = "groups.change_group"
State = Schedule.State


class TooLate(NotSent):
    """The whole time of the schedule has passed before its approval; the request still waits."""


# --- Plan and read -----------------------------------------------------------------------------------------


def plan(schedule: Schedule, sender: Sender) -> Schedule:
    """Save a schedule with its lock; the same form sent twice is one schedule.

    Raises `PermissionDenied`, `Locked` if the group has another one, is being retired, or its removal is
    open; what a gate raises for its start, and `find_known`; and `NotRecorded` if the database refuses the
    row for another reason.
    """
    if not sender.user.has_perm(RIGHT):
        raise PermissionDenied
    schedule.start_id = uuid.uuid5(schedule.pk, "start")
    schedule.return_id = uuid.uuid5(schedule.pk, "return")
    problem: IntegrityError | None = None
    for _ in range(TRIES_TO_RECORD):
        if (known := find_known(schedule.submission, Schedule)) is not None:
            return known
        columns = gates.ahead(command_of(schedule, schedule.start_id, sender))
        if schedule.limit_reason and schedule.allowed_clients is None:
            schedule.allowed_clients = columns.get("reached")
        try:
            with transaction.atomic():
                schedule.save(force_insert=True)
                schedule.take_locks()
        except IntegrityError as error:
            problem = error
            raise_if_locked(schedule.account_id, schedule.lock_keys, of=[schedule.pk])
        else:
            return schedule
    log.error("A planned change cannot be recorded", exc_info=problem)
    raise NotRecorded from problem


def hand_over(schedule: Schedule, user: "User", base: GroupValues, **consent: object) -> None:
    """Plan a schedule that was asked for, with the rights and the token of this user.

    `base` are the values of its group now, `consent` the columns of the consent. Belongs into the transaction
    that stores why it passes the gates. Raises `TooLate` and `Locked`.
    """
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    values: dict[str, Any] = {
        **consent,
        "user": user,
        "user_name": user.get_username(),
        "base": base.to_json(),
        "planned": onto(schedule.base_values, schedule.planned_values, base).to_json(),
        "state": State.PLANNED,
        "created_at": timezone.now(),
    }
    if schedule.ends_at is not None and schedule.ends_at <= timezone.now():
        raise TooLate
    with taking_locks(schedule):
        update(schedule, **values)
        schedule.take_locks()


def schedules_of(credentials: PosterCredentials) -> ScheduleQuerySet:
    """Return the schedules of an account. Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    return Schedule.objects.filter(account=credentials.account_id).exclude(state=State.ASKED)


def open_schedules(credentials: PosterCredentials) -> dict[int, Schedule]:
    """Return the open schedules of an account by the ids of their groups; the lock allows one for each."""
    check_token(credentials)
    found = Schedule.objects.open().filter(account=credentials.account_id)
    # Most accounts have none, and to ask for whole rows takes Django twice as long.
    return {each.group_id: each for each in found} if found.exists() else {}


def schedule_of(credentials: PosterCredentials, group_id: int) -> Schedule | None:
    """Return the schedule of a group that is open or that needs a person, or None."""
    shown = schedules_of(credentials).filter(group_id=group_id, state__in=(*Schedule.OPEN, State.HELD))
    # Most groups have none, and to ask for whole rows takes Django twice as long.
    found = shown if shown.exists() else ()
    return max(found, key=lambda each: (each.is_open, each.created_at), default=None)


def groups_of(
    schedules: Mapping[int, Schedule], groups: Groups, locked_ids: Collection[int]
) -> dict[int, Group]:
    """Return the groups of these schedules as Poster has them now, by their ids.

    The last good copy, and a group with a change that has no outcome yet, say nothing about a schedule.
    """
    if not schedules or groups.failure is not None:
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


def cancel(schedule: Schedule, *, user: "User") -> None:
    """Cancel a schedule; one that is in force returns at once, with the rights and the token of this user.

    One that was held in force and can still be returned is returned too; any other held one is only closed.
    If the return cannot be made now, a worker goes on with it. Raises `PermissionDenied` and `NotNow`, and
    `Locked` if something else has the lock of a held one by now.
    """
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    now = timezone.now()
    values: dict[str, Any] = {
        "cancelled_at": now,
        "cancelled_by": user,
        "cancelled_by_name": user.get_username(),
    }
    rows = Schedule.objects.filter(pk=schedule.pk)
    if schedule.can_be_returned:
        _take_up_again(schedule, values)
    elif schedule.state == State.HELD:
        if not update(schedule, state=State.CANCELLED, **values):
            raise NotNow
        return
    else:
        # Leave the lease to the worker that is at a step: it sees the cancellation when it stores its result.
        rows.open().filter(cancelled_at=None).update(next_try_at=None, **values)
        schedule.refresh_from_db()
        if not schedule.is_open:
            raise NotNow
    make_steps(schedule, now)


def _take_up_again(schedule: Schedule, values: dict[str, Any]) -> None:
    """Put a held schedule in force again, to be returned by this user."""
    again = uuid.uuid5(schedule.return_id, "again")
    values |= {"state": State.ACTIVE, "reason": "", "ended_at": None, "return_id": again}
    with taking_locks(schedule):
        if not update(schedule, **values):
            raise NotNow
        schedule.take_locks()
