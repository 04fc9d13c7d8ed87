"""Ask for writes beyond the limits of an account, and let another user approve or refuse them.

An approved write is made with the rights and the token of the user who approves it. A change is approved in
the transaction that writes it into the journal, a job and a planned change in the one that starts them. So no
process can die between the yes and the write, and two users who approve at once make one write.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

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
from groups.models.contents import Breach, EditPlan, Line
from groups.poster import Group, GroupValues
from groups.services import schedules, snapshots
from groups.services.clients import with_everybody
from groups.services.costs.sales import monthly_cost
from groups.services.gateway import check_token
from groups.services.groups import find_group, list_groups_now
from groups.services.jobs import bulk_edits, queue
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.execute import execute
from groups.services.writes.limit_check import RIGHT
from groups.services.writes.not_sent import Busy, NotNow, OperationReused
from groups.services.writes.outcome import onto, same
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Kind, State = ApprovalRequest.Kind, ApprovalRequest.State


class ChangedSince(Exception):
    """A group has other values than when the request was made; nothing was sent.

    `now` has what Poster has now. Approving again with its `mark` applies what was asked for to that.
    """

    def __init__(self, now: "Present") -> None:
        super().__init__()
        self.now = now


@dataclass(frozen=True, slots=True)
class Present:
    """The groups of a request as Poster has them now: one for a change, those of the lines for a job.

    `is_asked` is True if they are as they were when the request was made.
    """

    groups: tuple[Group, ...]
    is_asked: bool

    @property
    def group(self) -> Group | None:
        return self.groups[0] if self.groups else None

    @property
    def mark(self) -> str:
        """A hash of these values, which a form carries to say that its user has seen them."""
        text = repr([group.to_json() for group in self.groups])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


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
    found = ApprovalRequest.objects.filter(account=credentials.account_id).prefetch_related("jobs")
    return found if user.has_perm(RIGHT) else found.filter(user=user)


def count_to_decide(credentials: PosterCredentials, user: "User") -> int:
    """Return the number of requests that wait for this user's decision."""
    if credentials.refused_at or not user.has_perm(RIGHT):
        return 0
    return ApprovalRequest.objects.filter(account=credentials.account_id).exclude(user=user).waiting().count()


def moved_since(moment: datetime) -> ApprovalRequestQuerySet:
    """Return the requests of all accounts that were made, decided or lapsed since a time, for notices."""
    lapsed = Q(created_at__gte=moment - LIFE, created_at__lte=timezone.now() - LIFE, decided_at=None)
    return ApprovalRequest.objects.filter(Q(created_at__gte=moment) | Q(decided_at__gte=moment) | lapsed)


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


def command_onto(request: ApprovalRequest, now: "Present | None") -> GroupCommand:
    """Return the command of a request for a change, onto the values of now if they are others."""
    command = command_of(request)
    if now is None or now.group is None or now.is_asked:
        return command
    return command.onto(now.group.values, now.group.clients)


# --- Ask ---------------------------------------------------------------------------------------------------


def ask_for_change(command: GroupCommand, breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a change; the same form sent twice is one request. Raises `OperationReused`."""
    sender, columns = command.sender, command.columns
    names = ("group_id", "group_name", "loaded", "intended", "undo_of", "again_of", "note")
    wanted = {"action": command.action, **{name: columns[name] for name in names}}
    account_id = sender.credentials.account_id
    request = _new(Kind.CHANGE, command.operation, sender.user, account_id, breaches, **wanted)
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
    """Record a request for a job, new or a draft; the same form sent twice is one request."""
    group = {"group_id": job.group_id, "group_name": job.group_name}
    request = _new(Kind.JOB, job.pk, user, job.account_id, breaches, **group)
    try:
        with transaction.atomic():
            request.save(force_insert=True)
            _let_wait(job, request)
    except IntegrityError:
        return _known(job.pk, user)
    return request


def _let_wait(job: Job, request: ApprovalRequest) -> None:
    """Save a new job, or a draft, as one that waits for its request."""
    if job._state.adding:
        job.request, job.state = request, Job.State.ASKED
        job.save(force_insert=True)
    elif not job.move_on(Job.State.DRAFT, state=Job.State.ASKED, request=request):
        raise NotNow


def ask_for_schedule(schedule: Schedule, user: "User", breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a planned change; the same form sent twice is one request."""
    group = {"group_id": schedule.group_id, "group_name": schedule.group_name}
    request = _new(Kind.SCHEDULE, schedule.pk, user, schedule.account_id, breaches, **group)
    try:
        with transaction.atomic():
            request.save(force_insert=True)
            schedule.request, schedule.state = request, Schedule.State.ASKED
            schedule.save(force_insert=True)
    except IntegrityError:
        return _known(schedule.pk, user)
    return request


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
    **columns: Any,
) -> ApprovalRequest:
    return ApprovalRequest(
        id=operation,
        account_id=account_id,
        user=user,
        user_name=user.get_username(),
        kind=kind,
        breaches=[breach.to_json() for breach in breaches],
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
    """Approve a request, and return the change if it asks for one; a job and a schedule are started.

    `seen` is the mark of the present values that the user has seen. Raises `ChangedSince`, `NotNow`,
    `PermissionDenied`, `PosterError`, and as `execute`, `queue.start` and `schedules.start_asked` do.
    """
    if not may_decide(request, user):
        raise PermissionDenied
    if not request.is_waiting:
        raise NotNow
    now = present_of(request, credentials)
    if now is not None and not now.is_asked and seen != now.mark:
        raise ChangedSince(now)
    match Kind(request.kind):
        case Kind.CHANGE:
            return _approve_change(request, user, credentials, now)
        case Kind.JOB:
            _approve_job(request, user, now)
        case Kind.SCHEDULE:
            _approve_schedule(request, user, now)
    return None


def present_of(request: ApprovalRequest, credentials: PosterCredentials) -> Present | None:
    """Return the groups of a request as Poster has them now; None if it names none. Raises `PosterError`."""
    match Kind(request.kind):
        case Kind.CHANGE if request.group_id is None:
            return None
        case Kind.CHANGE:
            command = command_of(request)
            return _present_of_group(credentials, request.group_id or 0, command.loaded, command)
        case Kind.SCHEDULE:
            schedule = request.schedules.get()
            return _present_of_group(credentials, schedule.group_id, schedule.base_values)
        case Kind.JOB:
            job = request.jobs.get()
            return _present_of_lines(credentials, job) if job.kind in bulk_edits.RIGHTS else None


def _present_of_group(
    credentials: PosterCredentials,
    group_id: int,
    loaded: GroupValues | None,
    command: GroupCommand | None = None,
) -> Present:
    group = find_group(credentials, group_id)
    if group is None:
        return Present((), is_asked=True)  # the write itself says that the group is gone
    counted = command.loaded_clients if command is not None and command.removes else None
    if counted is not None:
        group = with_everybody(credentials, group)
    is_asked = loaded is not None and same(loaded, group) and counted in (None, group.clients)
    return Present((group,), is_asked)


def _present_of_lines(credentials: PosterCredentials, job: Job) -> Present:
    lines = {line.group_id: line for line in EditPlan.from_json(job.wanted).lines if line.group_id}
    found = tuple(group for group in list_groups_now(credentials).groups if group.id in lines)
    olds = ((lines[group.id].old, group) for group in found)
    return Present(found, all(old is not None and same(old, group) for old, group in olds))


def _approve_change(
    request: ApprovalRequest, user: "User", credentials: PosterCredentials, now: Present | None
) -> Change:
    command = command_onto(request, now)
    cost = monthly_cost(user, credentials, command.group_id, command.loaded, command.intended)
    command = replace(command, user=user, credentials=credentials, request=request, monthly_cost=cost)
    snapshots.before_removal(command, now.group if now else None)
    try:
        return execute(command)
    except OperationReused:
        raise NotNow from None  # somebody else approved or refused it at the same moment
    except Busy:
        request.refresh_from_db()
        if request.is_waiting:
            raise
        raise NotNow from None  # the write of somebody else's yes has the lock


def _approve_job(request: ApprovalRequest, user: "User", now: Present | None) -> None:
    job = request.jobs.get()
    wanted = job.wanted
    if now is not None and not now.is_asked:
        content = EditPlan.from_json(wanted)
        groups = {group.id: group for group in now.groups}
        lines = tuple(_line_onto(line, groups.get(line.group_id or 0)) for line in content.lines)
        wanted = replace(content, lines=lines).to_json()
    queue.start_asked(job, request, user, wanted)


def _line_onto(line: Line, group: Group | None) -> Line:
    """Return the line for its group as it is now."""
    if group is None or line.old is None:
        return line
    new = onto(line.old, line.new, group.values)
    return replace(line, old=group.values, new=new, clients=group.clients)


def _approve_schedule(request: ApprovalRequest, user: "User", now: Present | None) -> None:
    schedule = request.schedules.get()
    group = now.group if now else None
    schedules.start_asked(schedule, request, user, group.values if group else schedule.base_values)


def lapse_overdue() -> int:
    """Mark the requests that have lapsed; return their number."""
    return ApprovalRequest.objects.overdue().update(state=State.LAPSED)
