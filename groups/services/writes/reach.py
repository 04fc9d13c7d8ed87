"""Hold a write against the limits of its account: the one place that says whether it may go beyond them.

Each command tells its `reach`. A job reaches what all of its writes reach together, and is held against the
limits as a whole, before it starts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from django.conf import settings

from groups.models import ApprovalRequest, Change, Limits
from groups.models.contents import Breach
from groups.poster import GroupValues
from groups.services.groups import find_group

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from groups.services.writes.commands import Command

RIGHT = "groups.exceed_limits"
# Share of POSTER_WRITE_DEADLINE for the read that counts the clients of a group.
COUNT = 0.2
Limit = Limits.Limit
_NOTHING = Decimal(0)


class BeyondLimits(Exception):
    """The write goes beyond limits of its account, and nothing allows that; nothing was sent.

    `asked` is True if this same form has become a request before.
    """

    def __init__(self, breaches: Iterable[Breach], *, asked: bool = False) -> None:
        super().__init__()
        self.breaches = tuple(breaches)
        self.asked = asked


@dataclass(frozen=True, slots=True)
class Reach:
    """The reach of a write: values that it raises, its largest rise in points, and the clients concerned.

    A value that it leaves or lowers is 0 here, so that a group beyond the limits can be lowered by anybody.
    """

    percent: Decimal = _NOTHING
    rise: Decimal = _NOTHING
    birthday_bonus: Decimal = _NOTHING
    clients: int = 0

    def __add__(self, other: "Reach") -> "Reach":
        """Return the reach of both writes together."""
        return Reach(
            max(self.percent, other.percent),
            max(self.rise, other.rise),
            max(self.birthday_bonus, other.birthday_bonus),
            self.clients + other.clients,
        )

    def beyond(self, limits: Limits) -> tuple[Breach, ...]:
        """Return the limits that are broken; a number equal to its limit is allowed."""
        asked = {
            Limit.MAX_PERCENT: self.percent,
            Limit.MAX_RISE: self.rise,
            Limit.MAX_BIRTHDAY_BONUS: self.birthday_bonus,
            Limit.MAX_CLIENTS: Decimal(self.clients),
        }
        return tuple(
            Breach(limit.value, asked[limit], allowed)
            for limit, allowed in limits.values.items()
            if asked[limit] > allowed
        )


def reach_of_values(old: GroupValues | None, new: GroupValues, clients: int = 0) -> Reach:
    """Return the reach of new values; `old` is None for a new group, which rises from nothing.

    A group that is only renamed reaches nobody.
    """
    percent, bonus = (old.percent, old.birthday_bonus) if old else (_NOTHING, _NOTHING)
    return Reach(
        percent=new.percent if new.percent > percent else _NOTHING,
        rise=max(new.percent - percent, _NOTHING),
        birthday_bonus=new.birthday_bonus if new.birthday_bonus > bonus else _NOTHING,
        clients=clients if changes_terms(old, new) else 0,
    )


def changes_terms(old: GroupValues | None, new: GroupValues) -> bool:
    """Return True if clients of the group would get something else than before."""
    terms = ("loyalty_type", "percent", "birthday_bonus")
    return old is None or any(getattr(old, name) != getattr(new, name) for name in terms)


def total(parts: Iterable[Reach]) -> Reach:
    """Return the reach of several writes together."""
    return reduce(Reach.__add__, parts, Reach())


def limits_of(account_id: str) -> Limits:
    """Return the limits of an account, read now; without a row it has none."""
    return Limits.objects.filter(account=account_id).first() or Limits(account_id=account_id)


def check(command: "Command") -> None:
    """Raise `BeyondLimits` if the command breaks limits that nothing lets it break.

    Raises `PosterError` if the clients that it reaches cannot be counted. A write that is in the journal
    already is not held against them again: it has its outcome.
    """
    if command.job is None and ApprovalRequest.objects.filter(pk=command.operation).exists():
        raise BeyondLimits((), asked=True)
    breaches = _breaches(command)
    if not breaches or is_allowed(command.sender.user, has_consent=command.has_consent):
        return
    if not Change.objects.filter(pk=command.operation).exists():
        raise BeyondLimits(breaches)


def check_as_a_whole(reach: Reach, *, account_id: str, user: "User", has_consent: bool) -> None:
    """Raise `BeyondLimits` if a job or a planned change breaks limits that nothing lets it break."""
    breaches = reach.beyond(limits_of(account_id))
    if breaches and not is_allowed(user, has_consent=has_consent):
        raise BeyondLimits(breaches)


def is_allowed(user: "User", *, has_consent: bool) -> bool:
    """Return True if a user may go beyond the limits: with the right, and for a request or with a reason."""
    return has_consent and user.has_perm(RIGHT)


def _breaches(command: "Command") -> tuple[Breach, ...]:
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


def _count(command: "Command", group_id: int) -> int:
    within = settings.POSTER_WRITE_DEADLINE * COUNT
    group = find_group(command.sender.credentials, group_id, within=within)
    return group.clients if group else 0
