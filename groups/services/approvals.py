"""Ask for writes beyond the limits of an account, and let another user approve or refuse them.

An approved write is made with the rights and the token of the user who approves it. A change is approved in
the transaction that writes it into the journal, a job and a planned change in the one that starts them. So no
process can die between the yes and the write, and two users who approve at once make one write.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from groups.features.insights.services.sales import monthly_cost
from groups.models import (
    ApprovalRequest,
    ApprovalRequestQuerySet,
    Change,
    Job,
    Limits,
    PosterCredentials,
    Schedule,
)
from groups.models.approvals import LIFE
from groups.models.contents import Breach, Effect
from groups.services import effects, schedule_steps, schedules, snapshots
from groups.services.gateway import check_token
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.execute import execute
from groups.services.writes.limit_check import RIGHT, BeyondLimits, reached_by
from groups.services.writes.not_sent import Busy, NotNow, OperationReused
from groups.services.writes.outcome import onto, same
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Kind, State = ApprovalRequest.Kind, ApprovalRequest.State


class ChangedSince(Exception):
    """The request has another effect by now than the one that its page has shown; nothing was sent.

    `now` is that effect. Approving again with its `mark` applies what was asked for to that.
    """

    def __init__(self, now: Effect) -> None:
        super().__init__()
        self.now = now


class AlreadySo(Exception):
    """Poster has all that was asked for already: the request is approved, and nothing was sent."""


# --- Limits ------------------------------------------------------------------------------------------------


def set_limits(limits: Limits, *, user: "User") -> None:
    """Save the limits of an account; the security log has the old and the new value of those that changed."""
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    values = {limit.value: getattr(limits, limit) for limit in Limits.Limit}
    values |= {"set_by": user.get_username(), "set_at": timezone.now()}
    with transaction.atomic():
        stored = Limits.objects.select_for_update().filter(account_id=limits.account_id).first()
        old, new = stored.values if stored else {}, limits.values
        Limits.objects.update_or_create(account_id=limits.account_id, defaults=values)
    changed = [
        f"{limit}: {_plain(old.get(limit))} → {_plain(new.get(limit))}"
        for limit in Limits.Limit
        if old.get(limit) != new.get(limit)
    ]
    record(Event.LIMITS_SET, user=user, detail=", ".join([limits.account_id, *changed]))


def _plain(value: Decimal | None) -> str:
    """Return a limit as it is typed, without zeros at the end; a dash for none."""
    return "–" if value is None else f"{value.normalize():f}"


# --- Read --------------------------------------------------------------------------------------------------


def requests_of(credentials: PosterCredentials, user: "User") -> ApprovalRequestQuerySet:
    """Return the requests of an account that a user may see: all with the right to decide, else their own.

    Raises `TokenRejected` if Poster has refused the user's token.
    """
    check_token(credentials)
    found = _shown().filter(account=credentials.account_id).select_related("job")
    return found if user.has_perm(RIGHT) else found.filter(user=user)


def count_to_decide(credentials: PosterCredentials, user: "User") -> int:
    """Return the number of requests that wait for this user's decision."""
    if credentials.refused_at or not user.has_perm(RIGHT):
        return 0
    return _shown().filter(account=credentials.account_id).exclude(user=user).waiting().count()


def moved_since(moment: datetime) -> ApprovalRequestQuerySet:
    """Return the requests of all accounts that were made, decided or lapsed since a time, for notices."""
    lapsed = Q(created_at__gte=moment - LIFE, created_at__lte=timezone.now() - LIFE, decided_at=None)
    return _shown().filter(Q(created_at__gte=moment) | Q(decided_at__gte=moment) | lapsed)


def _shown() -> ApprovalRequestQuerySet:
    """Return the requests, but not those for a job whose kind is not registered."""
    return ApprovalRequest.objects.filter(Q(job=None) | Q(job__kind__in=Job.registered))


def may_decide(request: ApprovalRequest, user: "User") -> bool:
    """Return True if a user may approve and refuse a request: nobody their own."""
    return request.user_id != user.pk and user.has_perm(RIGHT)


def needs_password(request: ApprovalRequest) -> bool:
    """Return True for a removal, for which a form asks for the password too."""
    return request.kind == Kind.CHANGE and command_of(request).removes


def command_of(request: ApprovalRequest) -> GroupCommand:
    """Return the command of a request for a change, still without its sender."""
    row = Change(
        id=request.pk,
        action=request.action,
        group_id=request.group_id,
        group_name=request.group_name,
        loaded=request.loaded,
        intended=request.intended,
        note=request.note,
    )
    command = Command.from_change(row)
    if not isinstance(command, GroupCommand):
        raise TypeError("Only writes to groups are asked for one by one.")
    # The next try is another change: an earlier one may have changed nothing.
    operation = uuid.uuid5(request.pk, f"write {request.changes.count()}")
    command = replace(command, operation=operation, undo_of=request.undo_of, again_of=request.again_of)
    return command.confirmed()


def command_onto(request: ApprovalRequest, now: Effect | None) -> GroupCommand:
    """Return the command of a request for a change, onto the values of now."""
    command = command_of(request)
    if now is None or now.group is None:
        return command
    return command.onto(now.group.values, now.group.clients)


def effect_of(request: ApprovalRequest, credentials: PosterCredentials) -> Effect:
    """Return what a request would do now. Raises `PosterError`."""
    match Kind(request.kind):
        case Kind.CHANGE:
            return effects.effect_of_command(command_of(request), credentials)
        case Kind.JOB:
            return effects.effect_of_job(job_of(request), credentials)
        case Kind.SCHEDULE:
            return effects.effect_of_schedule(request.schedules.get(), credentials)


def job_of(request: ApprovalRequest) -> Job:
    """Return the job of a request for one."""
    if request.job is None:
        raise ValueError("This request is for no job.")
    return request.job


# --- Ask ---------------------------------------------------------------------------------------------------


def ask_for_change(command: GroupCommand, breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a change; the same form sent twice is one request.

    Raises `OperationReused`, and `PosterError` if its effect cannot be read.
    """
    sender, columns = command.sender, command.columns
    names = ("group_id", "group_name", "loaded", "intended", "undo_of", "again_of", "note")
    wanted = {"action": command.action, **{name: columns[name] for name in names}}
    account_id = sender.credentials.account_id
    effect = effects.effect_of_command(command, sender.credentials)
    request = _new(Kind.CHANGE, command.operation, sender.user, account_id, breaches, effect, **wanted)
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        known = ApprovalRequest.objects.get(pk=request.pk)
        if _asked(known) != _asked(request):
            raise OperationReused from None
        return known
    return request


def _asked(request: ApprovalRequest) -> tuple[object, ...]:
    return (request.account_id, request.user_id, request.action, request.group_id, request.intended)


def ask_for_job(job: Job, user: "User", breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a job, new, a draft, or the rest of one that has stopped.

    The same form sent twice is one request, and so is the rest that is asked for twice. Raises as
    `ask_for_change` does.
    """
    operation = job.pk
    if job.state in Job.HALTED:
        if waiting := job.requests.waiting().first():
            return waiting
        operation = uuid.uuid5(job.pk, f"rest {job.requests.count()}")
    effect = effects.effect_of_job(job, _credentials(user, job.account_id))
    columns = {"group_id": job.group_id, "group_name": job.group_name, "job": job}
    request = _new(Kind.JOB, operation, user, job.account_id, breaches, effect, **columns)
    try:
        with transaction.atomic():
            _let_wait(job)
            request.save(force_insert=True)
    except IntegrityError:
        return _known(operation, user)
    return request


def _let_wait(job: Job) -> None:
    """Save a new job, or a draft, as one that waits for its request; one that has stopped stays so."""
    if job._state.adding:
        job.state = Job.State.ASKED
        job.save(force_insert=True)
    elif not job.move_on(Job.State.DRAFT, state=Job.State.ASKED) and job.state not in Job.HALTED:
        raise NotNow


def ask_for_schedule(schedule: Schedule, user: "User", breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a planned change, as `ask_for_change` does."""
    group = {"group_id": schedule.group_id, "group_name": schedule.group_name}
    effect = effects.effect_of_schedule(schedule, _credentials(user, schedule.account_id))
    request = _new(Kind.SCHEDULE, schedule.pk, user, schedule.account_id, breaches, effect, **group)
    try:
        with transaction.atomic():
            request.save(force_insert=True)
            schedule.request, schedule.state = request, Schedule.State.ASKED
            schedule.save(force_insert=True)
    except IntegrityError:
        return _known(schedule.pk, user)
    return request


def _credentials(user: "User", account_id: str) -> PosterCredentials:
    return PosterCredentials.objects.select_related("account", "user").get(user=user, account=account_id)


def _known(request_id: uuid.UUID, user: "User") -> ApprovalRequest:
    known = ApprovalRequest.objects.filter(pk=request_id, user=user).first()
    if known is None:
        raise OperationReused
    return known


def _new(
    kind: ApprovalRequest.Kind,
    operation: uuid.UUID,
    user: "User",
    account_id: str,
    breaches: Iterable[Breach],
    effect: Effect,
    **columns: Any,
) -> ApprovalRequest:
    return ApprovalRequest(
        id=operation,
        account_id=account_id,
        user=user,
        user_name=user.get_username(),
        kind=kind,
        breaches=[breach.to_json() for breach in breaches],
        effect=effect.to_json(),
        **columns,
    )


# --- Decide ------------------------------------------------------------------------------------------------


def refuse(request: ApprovalRequest, *, user: "User", reason: str) -> None:
    """Refuse a request. Raises `NotNow` if it no longer waits, and `PermissionDenied`."""
    if not may_decide(request, user):
        raise PermissionDenied
    if not ApprovalRequest.objects.decide(request, State.REFUSED, user, reason):
        raise NotNow


def approve(
    request: ApprovalRequest, *, user: "User", credentials: PosterCredentials, seen: str = ""
) -> Change | None:
    """Approve a request, and return the change that it makes; a job and a schedule are started.

    `seen` is the mark of the effect that the user was shown, by default the one that was asked for. The write
    may reach as many clients as that has. Raises `ChangedSince`, `AlreadySo`, `NotNow`, `PermissionDenied`,
    `PosterError`, and as `execute`, `queue.start` and `schedules.start_asked` do.
    """
    if not may_decide(request, user):
        raise PermissionDenied
    if not request.is_waiting:
        raise NotNow
    now, asked = effect_of(request, credentials), request.asked_effect
    if now.mark != (seen or (asked.mark if asked else "")):
        raise ChangedSince(now)
    match Kind(request.kind):
        case Kind.CHANGE:
            return _approve_change(request, user, credentials, now)
        case Kind.JOB:
            _approve_job(request, user, now)
        case Kind.SCHEDULE:
            _approve_schedule(request, user, now)
    return None


def _approve_change(
    request: ApprovalRequest, user: "User", credentials: PosterCredentials, now: Effect
) -> Change:
    command = command_onto(request, now)
    if command.changes_nothing:
        _decide(request, user)
        raise AlreadySo
    cost = monthly_cost(user, credentials, command.group_id, command.loaded, command.intended)
    command = replace(command, user=user, credentials=credentials, monthly_cost=cost)
    command = replace(command, request=request, allowed_clients=now.clients)
    snapshots.before_removal(command, now.group)
    try:
        return execute(command)
    except BeyondLimits:
        raise ChangedSince(effect_of(request, credentials)) from None
    except OperationReused:
        raise NotNow from None  # somebody else approved or refused it at the same moment
    except Busy:
        request.refresh_from_db()
        if request.is_waiting:
            raise
        raise NotNow from None  # the write of somebody else's yes has the lock


def _approve_job(request: ApprovalRequest, user: "User", now: Effect) -> None:
    job = job_of(request)
    # A yes for fewer takes nothing back from an earlier one.
    allowed = max(reached_by(job.pk) + now.clients, job.allowed_clients or 0)
    values: dict[str, Any] = {"allowed_clients": allowed}
    if job.state == Job.State.ASKED:
        values |= JobKind.of(job).columns_onto(now)
        if values.get("total") == 0:
            with transaction.atomic():
                _decide(request, user)
                job.move_on(Job.State.ASKED, state=Job.State.DONE, finished_at=timezone.now(), **values)
            raise AlreadySo
    queue.start_asked(job, request, user, **values)


def _approve_schedule(request: ApprovalRequest, user: "User", now: Effect) -> None:
    schedule = request.schedules.get()
    base = now.group.values if now.group else schedule.base_values
    if same(base, onto(schedule.base_values, schedule.planned_values, base)):
        with transaction.atomic():
            _decide(request, user)
            schedule_steps.update(schedule, state=Schedule.State.CANCELLED, ended_at=timezone.now())
        raise AlreadySo
    schedules.start_asked(schedule, request, user, base, allowed_clients=now.clients)


def _decide(request: ApprovalRequest, user: "User") -> None:
    """Approve a request that needs no write. Raises `NotNow` if it no longer waits."""
    if not ApprovalRequest.objects.decide(request, State.APPROVED, user):
        raise NotNow


def lapse_overdue() -> int:
    """Mark the requests that have lapsed; return their number."""
    return ApprovalRequest.objects.overdue().update(state=State.LAPSED)
