"""Hold a write against the limits of its account: the one place that says whether it may go beyond them.

A job is held against the limits as a whole, before it starts.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings

from groups.models import ApprovalRequest, Limits
from groups.models.contents import Breach
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


def check(command: Command) -> None:
    """Raise `BeyondLimits` if the command breaks limits that nothing lets it break.

    Raises `PosterError` if the clients that it reaches cannot be counted. A write that is in the journal
    already is not held against them again: it has its outcome.
    """
    if command.job is None and ApprovalRequest.objects.filter(pk=command.operation).exists():
        raise BeyondLimits((), asked=True)
    breaches = _breaches(command)
    if not breaches or is_allowed(command.sender.user, has_consent=command.has_consent):
        return
    if not command.is_journalled:
        raise BeyondLimits(breaches)


def check_as_a_whole(reach: Reach, *, account_id: str, user: "User", has_consent: bool) -> None:
    """Raise `BeyondLimits` if a job or a planned change breaks limits that nothing lets it break."""
    breaches = reach.beyond(limits_of(account_id))
    if breaches and not is_allowed(user, has_consent=has_consent):
        raise BeyondLimits(breaches)


def is_allowed(user: "User", *, has_consent: bool) -> bool:
    """Return True if a user may go beyond the limits: with the right, and for a request or with a reason."""
    return has_consent and user.has_perm(RIGHT)


def _breaches(command: Command) -> tuple[Breach, ...]:
    """Return the broken limits; count the clients of its group where that is a question."""
    reach = command.reach
    if command.job is not None:
        # The clients of a job were counted for the whole job before it started.
        reach = replace(reach, clients=0)
        if reach == Reach():
            return ()
    limits = limits_of(command.sender.credentials.account_id)
    if not limits.values:
        return ()
    group_id = command.reached_group
    if command.job is None and group_id is not None and limits.max_clients is not None:
        reach += Reach(clients=_count(command, group_id))
    return reach.beyond(limits)


def _count(command: Command, group_id: int) -> int:
    within = settings.POSTER_WRITE_DEADLINE * COUNT
    group = find_group(command.sender.credentials, group_id, within=within)
    return group.clients if group else 0
