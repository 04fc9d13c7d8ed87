"""Hold a write against the limits of its account: the one place that says whether it may go beyond them.

A job is held against the limits as a whole before it starts, and its clients once more as each of its changes
is recorded: the journal has the number of clients that each of them reaches.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Sum

from groups.models import ApprovalRequest, Change, Job, Limits, PosterCredentials
from groups.models.approvals import Consent
from groups.models.contents import Breach
from groups.poster import ErrorReason, InvalidResponse, NotFound
from groups.services.clients import count_members
from groups.services.groups import find_group
from groups.services.writes.commands import Command
from groups.services.writes.reach import Reach

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RIGHT = "groups.exceed_limits"
# Share of POSTER_WRITE_DEADLINE for the read that counts the clients of a group.
COUNT = 0.2


class BeyondLimits(Exception):
    """The write goes beyond limits of its account, and nothing allows that; nothing was sent.

    `asked` is True if this same form has become a request before.
    """

    def __init__(self, breaches: Iterable[Breach], *, asked: bool = False) -> None:
        super().__init__()
        self.breaches = tuple(breaches)
        self.asked = asked


def limits_of(account_id: str) -> Limits:
    """Return the limits of an account, read now; without a row it has none."""
    return Limits.objects.filter(account=account_id).first() or Limits(account_id=account_id)


def check(command: Command) -> int:
    """Return the number of clients that a command reaches, as far as there is a limit on them.

    Raises `BeyondLimits` if the command breaks limits that nothing lets it break, and `PosterError` if the
    clients that it reaches cannot be counted. A write that is in the journal already is not held against them
    again: it has its outcome.
    """
    if command.job is None and ApprovalRequest.objects.filter(pk=command.operation).exists():
        raise BeyondLimits((), asked=True)
    sender = command.sender
    limits, reach = limits_of(sender.credentials.account_id), command.reach
    if limits.max_clients is not None and command.reached_group is not None:
        reach += Reach(clients=count_reached(sender.credentials, command.reached_group))
    # The clients of a job are held against the limit together, in `check_job`.
    breaches = replace(reach, clients=0 if command.job else reach.clients).beyond(limits)
    if not are_allowed(breaches, command.consent, sender.user) and not command.is_journalled:
        raise BeyondLimits(breaches)
    return reach.clients


def count_reached(credentials: PosterCredentials, group_id: int) -> int:
    """Count the clients that a write to a group reaches; 0 if the group is gone. Raises `PosterError`."""
    within = settings.POSTER_WRITE_DEADLINE * COUNT
    try:
        return count_members(credentials, [group_id], within=within)[group_id]
    except NotFound as error:
        if find_group(credentials, group_id, within=within) is None:
            return 0  # the write itself finds that the group is gone
        raise InvalidResponse(error.detail, method=error.method, reason=ErrorReason.SHAPE) from None


def check_job(change: Change, user: "User") -> None:
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


def reached_by(job_id: uuid.UUID) -> int:
    """Return the number of clients that a job has reached, or may have: its open changes count."""
    sent = Change.objects.filter(job=job_id).exclude(state__in=Change.NOTHING_CHANGED)
    total: int | None = sent.aggregate(total=Sum("reached"))["total"]
    return total or 0


def check_as_a_whole(reach: Reach, *, limits: Limits, user: "User", consent: Consent) -> None:
    """Raise `BeyondLimits` if a job breaks limits that its consent does not let it break."""
    breaches = reach.beyond(limits)
    if not are_allowed(breaches, consent, user):
        raise BeyondLimits(breaches)


def are_allowed(breaches: Iterable[Breach], consent: Consent | None, user: "User") -> bool:
    """Return True if a user may go beyond these limits: with the right, and a request or a reason.

    Clients are covered up to the number that was shown as the consent was given, if one was.
    """
    return all(
        consent is not None
        and consent.is_given
        and user.has_perm(RIGHT)
        and (
            breach.limit != Limits.Limit.MAX_CLIENTS
            or consent.allowed_clients is None
            or breach.asked <= consent.allowed_clients
        )
        for breach in breaches
    )
