"""Hold writes against the limits of an account, and let other users decide on what goes beyond them.

A job is held against the limits as a whole before it starts, and its clients once more as each of its changes
is recorded, with the number that it reaches.

An approved write is made with the rights and the token of its approver. A change is approved in the
transaction that writes it into the journal, anything else in the one that starts it. So no process can die
between the yes and the write, and two users who approve at once make one write.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, assert_never

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Model, Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, gettext_lazy, ngettext, pgettext

from groups.features.approvals.models import (
    EXCEED_LIMITS,
    LIFE,
    ApprovalRequest,
    ApprovalRequestQuerySet,
    Breach,
    Limits,
)
from groups.models import Change, Consent, Job, PosterAccount, PosterCredentials
from groups.models.changes import nothing_changed
from groups.models.contents import Effect
from groups.models.submissions import Approvable, approvable, approvable_of
from groups.poster.fields import plain
from groups.services.events import Event, event_source, is_user, one_line
from groups.services.gateway import check_token
from groups.services.groups import list_groups_now
from groups.services.history import undone_ids
from groups.services.installation.maintenance import routine
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.messages import Message
from groups.services.values import NumberFormat, money_words, percent_words
from groups.services.writes import gates, submissions
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.execute import execute
from groups.services.writes.gates import Gate
from groups.services.writes.lag import named_groups
from groups.services.writes.reach import Reach, changes_terms, count_reached, effect_on_group, reached_by
from groups.services.writes.submissions import Locked, NotNow, OperationReused, WriteHeld, find_known
from poster_admin.users.accounts import name_of
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

Limit = Limits.Limit
State = ApprovalRequest.State
# The breach of a bound that a job sets itself, and the account does not: see `JobKind.most_clients`.
OWN_BOUND = "own"

type Number = Decimal | int | None

# An approved row belongs to its approver, so the request says first which user sent the form.
submissions.register(ApprovalRequest.objects.select_related("job"), order=-1)


class BeyondLimits(WriteHeld):
    """The write goes beyond limits of its account, and nothing allows that; nothing was sent."""

    def __init__(self, breaches: Iterable[Breach]) -> None:
        super().__init__()
        self.breaches = tuple(breaches)

    def message(self) -> Message:
        words = [
            render_to_string("approvals/breach.html", {"breach": in_words(each)}) for each in self.breaches
        ]
        title = gettext("This goes beyond the limits of the account.").rstrip(".")
        return Message(title, format_html_join(" ", "{}", ((each,) for each in words)))

    def go_on(self, write: Any, user: User) -> "ApprovalRequest | None":
        """Make a request of the write; a user with the right may give a reason instead.

        No reason of the user's own lets a job pass its own bound.
        """
        is_own_bound = any(breach.limit == OWN_BOUND for breach in self.breaches)
        may_say_why = user.has_perm(EXCEED_LIMITS) and not is_own_bound
        return None if may_say_why else ask_for(write, user, self.breaches)


def in_words(breach: Breach, *, is_approved: bool = False) -> dict[str, Any]:
    def words(number: Decimal) -> str:
        match breach.limit:
            case Limit.MAX_PERCENT:
                return percent_words(number)
            case Limit.MAX_BIRTHDAY_BONUS:
                return money_words(number)
            case Limit.MAX_RISE:
                text = ngettext("%(number)s point", "%(number)s points", int(number))
                if number % 1:
                    text = pgettext("a part of one, as 2.5", "%(number)s points")
                return text % {"number": plain(number).replace(".", NumberFormat.current().point)}
        return NumberFormat.current().count(int(number))

    shown = {"number": words(breach.number), "allowed": words(breach.allowed)}
    return {"limit": breach.limit, "is_approved": is_approved, **shown}


class SetSince(Exception):
    """Somebody has set a limit that was typed since its form was opened."""


def limits_of(account_id: str) -> Limits:
    return Limits.objects.filter(account=account_id).first() or Limits(account_id=account_id)


def set_limits(
    account_id: str, typed: Mapping[str, Number], *, user: User, opened: Mapping[str, Number] | None = None
) -> None:
    """Set the limits that were typed, unless one is no longer as its form was `opened`. Raises `SetSince`."""
    if not user.has_perm(EXCEED_LIMITS):
        raise PermissionDenied
    opened = opened or {}
    with transaction.atomic():
        # The account, since there may be no limits yet.
        PosterAccount.objects.select_for_update(no_key=True).get(pk=account_id)
        limits = limits_of(account_id)
        stored = limits.values
        for name, value in typed.items():
            now = getattr(limits, name)
            if name in opened and now not in (opened[name], value):
                raise SetSince
            setattr(limits, name, value)
        limits.set_by, limits.set_at = user.get_username(), timezone.now()
        limits.save()
    before, after = ({key: plain(value) for key, value in each.items()} for each in (stored, limits.values))
    changed = [limit for limit in Limit if before.get(limit) != after.get(limit)]
    words = [f"{limit}: {before.get(limit, '–')} → {after.get(limit, '–')}" for limit in changed]
    record(EventKind.LIMITS_SET, user=user, detail=", ".join([account_id, *words]))


@gates.register
class LimitGate(Gate):
    """Hold back what goes beyond the limits, unless a request or a reason lets it."""

    order = 20

    def before(self, command: Command) -> dict[str, Any]:
        """Return the number of clients that a command reaches, if there is a limit on them."""
        sender = command.sender
        limits, reach = limits_of(sender.account_id), command.reach
        if limits.max_clients is not None and command.reached_group is not None:
            reach += Reach(clients=count_reached(sender, command.reached_group, command.read))
        # The clients of a job are held against the limit together, in the transaction.
        own = replace(reach, clients=0 if command.job else reach.clients)
        check_reach(own, limits=limits, user=sender.user, consent=command.consent)
        return {"reached": reach.clients}

    ahead = before

    def in_transaction(self, change: Change, command: Command) -> None:
        """Approve the request of a command, so that of two who approve it at once one makes the write.

        Raises `BeyondLimits` too if a job would reach more clients with this change than it may.
        """
        if command.request_id is not None:
            approvals = ApprovalRequest.objects.filter(pk=command.request_id, kind=ApprovalRequest.CHANGE)
            if request := approvals.first():
                decide(request, State.APPROVED, command.sender.user)
        limits = limits_of(change.account_id)
        if change.job_id is not None and change.reached and limits.max_clients is not None:
            # Locked in the transaction of the change, so that the changes of a job are counted in turn.
            job = Job.objects.select_for_update().get(pk=change.job_id)
            reach = Reach(clients=reached_by(job.pk) + change.reached)
            check_reach(reach, limits=limits, user=command.sender.user, consent=job)

    def before_job(self, job: Job, user: User) -> None:
        """Hold all of a job against the limits, with the clients that Poster shows this user now."""
        limits, kind = limits_of(job.account_id), JobKind.of(job)
        most = kind.most_clients
        if not limits.values and most is None:
            return
        credentials = None
        if limits.max_clients is not None or most is not None:
            found = PosterCredentials.objects.select_related("account", "user")
            credentials = found.get(user=user, account=job.account_id)
        reach = kind.reach(credentials)
        is_approved = job.request_id is not None and reach.clients <= (job.allowed_clients or 0)
        if most is not None and reach.clients > most and not is_approved:
            own = Breach(OWN_BOUND, Decimal(reach.clients), Decimal(most))
            raise BeyondLimits((own, *breaches_of(reach, limits)))
        if job.limit_reason and job.allowed_clients is None:
            # No number was shown: the reason is for those that there are now.
            job.allowed_clients = reach.clients
        check_reach(reach, limits=limits, user=job.user or user, consent=job)

    def job_decided(self, job: Job, user: User, reason: str) -> None:
        """Refuse the request for the rest of a job that no longer waits for it."""
        for request in job.requests.waiting():
            with suppress(NotNow):
                decide(request, State.REFUSED, user, reason)

    def decision_on(self, job: Job) -> ApprovalRequest | None:
        return job.requests.first()


def decide(request: ApprovalRequest, state: State, user: User, reason: str = "") -> None:
    """Store the decision on a request. Raises `NotNow` if it no longer waits: it is decided once."""
    is_decided = (
        ApprovalRequest.objects.filter(pk=request.pk)
        .waiting()
        .update(
            state=state,
            reason=reason,
            decided_at=timezone.now(),
            decided_by=user,
            decided_by_name=user.get_username(),
        )
    )
    if not is_decided:
        raise NotNow


@nothing_changed
def let_wait_again(change: Change) -> None:
    """Let the request of a change that has changed nothing wait again, in the transaction that settles it."""
    if change.request_id is not None:
        approved = ApprovalRequest.objects.filter(kind=ApprovalRequest.CHANGE, state=State.APPROVED)
        again = {"state": State.WAITING, "decided_at": None, "decided_by": None, "decided_by_name": ""}
        approved.filter(pk=change.request_id).update(**again)


def check_reach(reach: Reach, *, limits: Limits, user: User, consent: Consent | None) -> None:
    """Raise `BeyondLimits` for limits that are broken and that this user may not break.

    With the right a user may, by a request or a reason. That covers as many clients as were shown with it, if
    a number was.
    """
    breaches = breaches_of(reach, limits)
    is_given = consent is not None and consent.is_given and user.has_perm(EXCEED_LIMITS)
    most = consent.allowed_clients if consent else None
    is_of_clients = any(breach.limit == Limit.MAX_CLIENTS for breach in breaches)
    is_for_fewer = is_of_clients and most is not None and reach.clients > most
    if breaches and (not is_given or is_for_fewer):
        raise BeyondLimits(breaches)


def breaches_of(reach: Reach, limits: Limits) -> tuple[Breach, ...]:
    """Return the limits that a write breaks; a number equal to its limit is allowed."""
    numbers = {
        Limit.MAX_PERCENT: reach.percent,
        Limit.MAX_RISE: reach.rise,
        Limit.MAX_BIRTHDAY_BONUS: reach.birthday_bonus,
        Limit.MAX_CLIENTS: Decimal(reach.clients),
    }
    return tuple(
        Breach(limit.value, numbers[limit], allowed)
        for limit, allowed in limits.values.items()
        if numbers[limit] > allowed
    )


class ChangedSince(Exception):
    """The effect is another one `now`, and nothing was sent; its mark approves it."""

    def __init__(self, now: Effect) -> None:
        super().__init__()
        self.now = now


class AlreadySo(Exception):
    """The write that was requested was made already: its request is approved, and nothing was sent."""


# --- Read --------------------------------------------------------------------------------------------------


def requests_of(credentials: PosterCredentials) -> ApprovalRequestQuerySet:
    """Return all requests to a user who may decide, else the user's own. Raises `TokenRejected`."""
    check_token(credentials)
    user = credentials.user
    found = ApprovalRequest.objects.filter(account=credentials.account_id).select_related("job")
    return found if user.has_perm(EXCEED_LIMITS) else found.filter(user=user)


def writes_of(requests: Iterable[ApprovalRequest]) -> dict[uuid.UUID | None, Change]:
    """Map the ids of approved requests for a change to the latest one that was tried."""
    ids = [each.pk for each in requests if each.is_change and each.state == State.APPROVED]
    changes = Change.objects.filter(request_id__in=ids).order_by("created_at") if ids else ()
    return {change.request_id: change for change in changes}


def may_decide(request: ApprovalRequest, user: User) -> bool:
    """Nobody decides on a request of their own."""
    return request.user_id != user.pk and user.has_perm(EXCEED_LIMITS)


def may_approve(request: ApprovalRequest, user: User) -> bool:
    """The write is made as theirs, so they need the right to it too."""
    if not may_decide(request, user):
        return False
    if request.is_change:
        return command_of(request).may_be_sent_by(user)
    return request.subject.may_be_started_by(user)


def approvers_of(account_id: str, may_approve: Callable[[User], bool]) -> str:
    """Return the names of the users with the right to decide, and with that to the write itself."""
    users = User.objects.with_perm(EXCEED_LIMITS, backend=settings.SIGN_IN_BACKEND)
    users = users.filter(credentials__account=account_id, credentials__refused_at=None)
    return ", ".join(name_of(each) for each in users.order_by("username") if may_approve(each))


def needs_password(request: ApprovalRequest) -> bool:
    return request.is_change and command_of(request).removes


def command_of(request: ApprovalRequest) -> GroupCommand:
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
        raise TypeError("Only writes to groups are requested one by one.")
    return replace(command, undo_of=request.undo_of, again_of=request.again_of)


def rebased_onto(now: Effect | None, command: GroupCommand) -> GroupCommand:
    if now is None or now.group is None or command.creates:
        return command
    return command.rebased(now.group.values, now.group.clients)


def effect_of(wanted: ApprovalRequest | GroupCommand | Model, credentials: PosterCredentials) -> Effect:
    """Read what a request, or what is requested, would do now. Raises `PosterError`."""
    if isinstance(wanted, ApprovalRequest):
        wanted = command_of(wanted) if wanted.is_change else wanted.subject.row
    if not isinstance(wanted, GroupCommand):
        return approvable_of(wanted).effect(credentials)
    if wanted.group_id is None:
        # A new group reaches nobody; other groups may have got its name since its form was sent.
        groups = list_groups_now(credentials)
        return Effect(tuple(named_groups(credentials.account_id, groups, wanted.values.name)))
    counts = wanted.removes or changes_terms(wanted.loaded, wanted.values)
    return effect_on_group(credentials, wanted.group_id, counts=counts)


# --- Ask ---------------------------------------------------------------------------------------------------


def ask_for(wanted: GroupCommand | Model, user: User, breaches: Iterable[Breach]) -> ApprovalRequest:
    """Record a request for a command, or for a row: a new job, a draft, or the rest of a stopped one.

    The same form sent twice is one request, and so are the rest of a job, and an undo. Raises
    `OperationReused`, `NotNow` if the job is no longer a draft, and `PosterError`.
    """
    subject = None
    if isinstance(wanted, GroupCommand):
        own = ApprovalRequest.objects.waiting().filter(user=user, undo_of=wanted.undo_of)
        if wanted.undo_of is not None and (waiting := own.first()):
            return waiting
        submission = wanted.submission
        names = ("group_id", "group_name", "loaded", "intended", "undo_of", "again_of", "note")
        columns = {"id": wanted.operation, "kind": ApprovalRequest.CHANGE, "action": wanted.action}
        columns |= {name: wanted.columns[name] for name in names}
    else:
        subject = approvable_of(wanted)
        submission, row = subject.row.submission, subject.row
        columns = {"id": row.pk, "kind": subject.kind}
        columns |= {"group_id": row.group_id, "group_name": row.group_name}
    if isinstance(wanted, Job):
        columns["job"] = wanted
        if wanted.state in Job.HALTED:
            if waiting := wanted.requests.waiting().first():
                return waiting
            columns["id"] = uuid.uuid5(wanted.pk, f"rest {wanted.requests.count()}")
    found = PosterCredentials.objects.select_related("account", "user")
    credentials = found.get(user=user, account=submission.account_id)
    request = ApprovalRequest(
        **columns,
        **credentials.sender_columns,
        breaches=[breach.to_json() for breach in breaches],
        effect=effect_of(wanted, credentials).to_json(),
    )
    try:
        with transaction.atomic():
            if subject:
                subject.let_wait(request.pk)
            request.save(force_insert=True)
    except IntegrityError:
        sender = user.pk if submission.user_id is not None else None
        known = find_known(replace(submission, operation=request.pk, user_id=sender), ApprovalRequest)
        if known is None or known.user_id != user.pk:
            raise OperationReused from None
        return known
    return request


# --- Decide ------------------------------------------------------------------------------------------------


def refuse(request: ApprovalRequest, *, user: User, reason: str) -> None:
    """Raises `NotNow` if it no longer waits, and `PermissionDenied`."""
    if not may_decide(request, user):
        raise PermissionDenied
    decide(request, State.REFUSED, user, reason)


def approve(request: ApprovalRequest, credentials: PosterCredentials, *, seen: str = "") -> Change | None:
    """Approve a request, and return the change that it makes; anything else is started.

    `seen` is the mark of the effect that the user was shown, by default the one that was requested. Raises
    `ChangedSince`, `AlreadySo`, `NotNow`, `PermissionDenied`, `PosterError`, as `execute` and as `start`.
    """
    user = credentials.user
    if not may_decide(request, user):
        raise PermissionDenied
    if not request.is_waiting:
        raise NotNow
    now, then = effect_of(request, credentials), request.requested_effect
    if now.mark != (seen or (then.mark if then else "")):
        raise ChangedSince(now)
    if request.is_change:
        return _approve_change(request, credentials, now)
    with transaction.atomic():
        decide(request, State.APPROVED, user)
        is_started = request.subject.start(user, now, request_id=request.pk, requested_by=request.user_name)
    if not is_started:
        raise AlreadySo
    return None


def _approve_change(request: ApprovalRequest, credentials: PosterCredentials, now: Effect) -> Change:
    command = rebased_onto(now, command_of(request))
    if command.changes_nothing or (command.undo_of and undone_ids([command.undo_of])):
        decide(request, State.APPROVED, credentials.user)
        raise AlreadySo
    if command.creates:
        command = command.confirmed(frozenset(group.id for group in now.groups))  # those that were shown
    command = replace(
        command,
        # The next try is another change: an earlier one may have changed nothing.
        operation=uuid.uuid5(request.pk, f"write {request.changes.count()}"),
        credentials=credentials,
        allowed_clients=now.clients,
        request_id=request.pk,
        requested_by=request.user_name,
    )
    try:
        return execute(command)
    except BeyondLimits:
        raise ChangedSince(effect_of(request, credentials)) from None
    except OperationReused:
        raise NotNow from None  # somebody else approved or refused it at the same moment
    except Locked:
        request.refresh_from_db()
        if request.is_waiting:
            raise
        raise NotNow from None  # the write of somebody else's yes has the lock


@routine("lapse requests", pause=5.0)
def lapse_overdue() -> int:
    overdue = ApprovalRequest.objects.filter(created_at__lte=timezone.now() - LIFE, state=State.WAITING)
    return overdue.update(state=State.LAPSED)


# --- Requested jobs -------------------------------------------------------------------------------


@approvable
class ApprovableJob(Approvable):
    kind = "job"
    label = gettext_lazy("a bulk change")
    model = Job

    @property
    def title(self) -> str:
        return JobKind.of(self.row).title

    def words_onto(self, now: Effect | None) -> str:
        return JobKind.of(self.row).request_words

    def may_be_started_by(self, user: User) -> bool:
        return JobKind.of(self.row).may_be_controlled_by(user)

    def effect(self, credentials: PosterCredentials) -> Effect:
        return JobKind.of(self.row).effect(credentials)

    def let_wait(self, request_id: uuid.UUID) -> None:
        """Save a new job, or a draft; one that has stopped, or waits already, stays so."""
        job, stays = self.row, (Job.State.REQUESTED, *Job.HALTED)
        if job._state.adding:
            job.state = Job.State.REQUESTED
            job.save(force_insert=True)
        elif not job.move_on(Job.State.DRAFT, state=Job.State.REQUESTED) and job.state not in stays:
            raise NotNow

    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        job = self.row
        # An approval for fewer takes nothing back from an earlier one.
        allowed = max(reached_by(job.pk) + now.clients, job.allowed_clients or 0)
        values = {"allowed_clients": allowed} | JobKind.of(job).columns_for(now)
        if values.get("total") == 0:
            job.move_on(Job.State.REQUESTED, state=Job.State.DONE, finished_at=timezone.now(), **values)
            return False
        queue.hand_over(job, user, **consent, **values)
        return True


# --- Events ------------------------------------------------------------------------------------------------


@event_source("request", gettext_lazy("A request waits for you, or yours was decided"), needs_person=True)
def find_events(account: PosterAccount, since: datetime) -> Iterator[Event]:
    lapsed = Q(created_at__gte=since - LIFE, created_at__lte=timezone.now() - LIFE, decided_at=None)
    moved = Q(created_at__gte=since) | Q(decided_at__gte=since) | lapsed
    for request in ApprovalRequest.objects.filter(moved, account=account).order_by():
        if request.is_withdrawn:
            continue  # the requester knows it, and nobody has to decide any more
        state = request.present_state
        concerns = partial(is_user, request.user_id)
        if state == State.WAITING:
            concerns = partial(may_decide, request)
        at = request.decided_at or request.created_at
        if state == State.LAPSED:
            at = request.lapses_at
        key = f"request {request.pk} {state} {at.isoformat()}"
        yield Event(key, at, request.get_absolute_url(), partial(request_words, request), concerns)


def request_words(request: ApprovalRequest) -> str:
    words = {"what": request.group_name or request.kind_label}
    match request.present_state:
        case State.WAITING:
            text = gettext("A request beyond the limits waits for a decision: “%(what)s”.")
        case State.APPROVED:
            text = gettext("A request beyond the limits was approved: “%(what)s”.")
        case State.REFUSED:
            text = gettext("A request beyond the limits was refused: “%(what)s”.")
        case State.LAPSED:
            text = gettext("A request beyond the limits has lapsed: “%(what)s”.")
        case _ as never:
            assert_never(never)
    return one_line(text % words)
