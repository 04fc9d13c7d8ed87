"""Hold writes against the limits of their account: the one place that says whether one may go beyond them.

A job is held against the limits as a whole before it starts, and its clients once more as each of its changes
is recorded: the journal has the number of clients that each of them reaches.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from groups.features.approvals.models import EXCEED_LIMITS, ApprovalRequest, Breach, Limits
from groups.models import Change, Consent, Job, PosterAccount, PosterCredentials
from groups.models.changes import nothing_changed
from groups.poster.fields import plain
from groups.services.jobs.kinds import JobKind
from groups.services.writes import gates
from groups.services.writes.commands import Command
from groups.services.writes.gates import Gate
from groups.services.writes.not_sent import Held, NotNow
from groups.services.writes.reach import Reach, count_reached, reached_by
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

Limit = Limits.Limit
# The breach of a bound that a job sets itself, and the account does not: see `JobKind.most_clients`.
OWN_BOUND = "own"

type Number = Decimal | int | None


class BeyondLimits(Held):
    """The write goes beyond limits of its account, and nothing allows that; nothing was sent."""

    def __init__(self, breaches: Iterable[Breach]) -> None:
        super().__init__()
        self.breaches = tuple(breaches)

    @property
    def needs_another(self) -> bool:
        """Return True if no reason of the user's own lets it pass: the bound is one of the job itself."""
        return any(breach.limit == OWN_BOUND for breach in self.breaches)


class SetSince(Exception):
    """Somebody has set a limit that was typed since its form was opened; `now` are the limits."""

    def __init__(self, now: Limits) -> None:
        super().__init__()
        self.now = now


def limits_of(account_id: str) -> Limits:
    """Return the limits of an account, read now; without a row it has none."""
    return Limits.objects.filter(account=account_id).first() or Limits(account_id=account_id)


def set_limits(
    account_id: str, typed: Mapping[str, Number], *, user: User, opened: Mapping[str, Number] | None = None
) -> None:
    """Set the limits that were typed; the others stay, even if another user sets them at the same moment.

    `opened` has the values that the form was opened with, as far as it says them. Raises `SetSince`. The
    security log has the old and the new value of the limits that changed.
    """
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
                raise SetSince(limits_of(account_id))
            setattr(limits, name, value)
        limits.set_by, limits.set_at = user.get_username(), timezone.now()
        limits.save()
    before = {limit: plain(value) for limit, value in stored.items()}
    after = {limit: plain(value) for limit, value in limits.values.items()}
    changed = [
        f"{limit}: {before.get(limit, '–')} → {after.get(limit, '–')}"
        for limit in Limits.Limit
        if before.get(limit) != after.get(limit)
    ]
    record(Event.LIMITS_SET, user=user, detail=", ".join([account_id, *changed]))


@gates.register
class LimitGate(Gate):
    """Hold back what goes beyond the limits, unless a request or a reason lets it."""

    order = 20

    def before(self, command: Command) -> dict[str, Any]:
        """Return the number of clients that a command reaches, as far as there is a limit on them."""
        sender = command.sender
        limits, reach = limits_of(sender.account_id), command.reach
        if limits.max_clients is not None and command.reached_group is not None:
            reach += Reach(clients=count_reached(sender, command.reached_group))
        # The clients of a job are held against the limit together, in the transaction.
        breaches = breaches_of(replace(reach, clients=0 if command.job else reach.clients), limits)
        if not are_allowed(breaches, command.consent, sender.user):
            raise BeyondLimits(breaches)
        return {"reached": reach.clients}

    def ahead(self, command: Command) -> dict[str, Any]:
        return self.before(command)

    def in_transaction(self, change: Change, command: Command) -> None:
        """Approve the request of a command in the transaction: there is never one without the other.

        So exactly one of two users who approve it at once makes the write.
        """
        if command.request_id is not None:
            asked = ApprovalRequest.objects.filter(pk=command.request_id)
            if request := asked.filter(kind=ApprovalRequest.CHANGE).first():
                store_approval(request, command.sender.user)
        check_job(change, command.sender.user)

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
        check_as_a_whole(reach, limits=limits, user=job.user or user, consent=job)

    def job_decided(self, job: Job, user: User, reason: str) -> None:
        """Refuse the request for the rest of a job that no longer waits for it."""
        for request in job.requests.waiting():
            ApprovalRequest.objects.decide(request, ApprovalRequest.State.REFUSED, user, reason)

    def decision_on(self, job: Job) -> ApprovalRequest | None:
        """Return the latest request for a job, or for the rest of it."""
        return job.requests.first()


def store_approval(request: ApprovalRequest, user: User) -> None:
    """Store the yes to a request. Raises `NotNow` if it no longer waits."""
    if not ApprovalRequest.objects.decide(request, ApprovalRequest.State.APPROVED, user):
        raise NotNow


@nothing_changed
def let_wait_again(change: Change) -> None:
    """Let the request of a change that has changed nothing wait again, in the transaction that settles it."""
    if change.request_id is not None:
        state = ApprovalRequest.State
        approved = ApprovalRequest.objects.filter(pk=change.request_id, state=state.APPROVED)
        approved.filter(kind=ApprovalRequest.CHANGE).update(
            state=state.WAITING, decided_at=None, decided_by=None, decided_by_name=""
        )


def check_job(change: Change, user: User) -> None:
    """Raise `BeyondLimits` if a job would reach more clients with this change than it may.

    Belongs into the transaction that records the change: it locks the row of the job, so that the changes of
    one job are counted one after the other.
    """
    limits = limits_of(change.account_id)
    if change.job_id is None or not change.reached or limits.max_clients is None:
        return
    job = Job.objects.select_for_update().get(pk=change.job_id)
    reach = Reach(clients=reached_by(job.pk) + change.reached)
    check_as_a_whole(reach, limits=limits, user=user, consent=job)


def check_as_a_whole(reach: Reach, *, limits: Limits, user: User, consent: Consent) -> None:
    """Raise `BeyondLimits` if a job breaks limits that its consent does not let it break."""
    breaches = breaches_of(reach, limits)
    if not are_allowed(breaches, consent, user):
        raise BeyondLimits(breaches)


def breaches_of(reach: Reach, limits: Limits) -> tuple[Breach, ...]:
    """Return the limits that a write breaks; a number equal to its limit is allowed."""
    asked = {
        Limit.MAX_PERCENT: reach.percent,
        Limit.MAX_RISE: reach.rise,
        Limit.MAX_BIRTHDAY_BONUS: reach.birthday_bonus,
        Limit.MAX_CLIENTS: Decimal(reach.clients),
    }
    return tuple(
        Breach(limit.value, asked[limit], allowed)
        for limit, allowed in limits.values.items()
        if asked[limit] > allowed
    )


def are_allowed(breaches: Iterable[Breach], consent: Consent | None, user: User) -> bool:
    """Return True if a user may go beyond these limits: with the right, and a request or a reason.

    Clients are covered up to the number that was shown as the consent was given, if one was.
    """
    return all(
        consent is not None
        and consent.is_given
        and user.has_perm(EXCEED_LIMITS)
        and (
            breach.limit != Limit.MAX_CLIENTS
            or consent.allowed_clients is None
            or breach.asked <= consent.allowed_clients
        )
        for breach in breaches
    )
