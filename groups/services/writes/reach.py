"""Define the reach of a write: how much it raises, and for how many clients.

Each command tells its `reach`. A job reaches what all of its writes reach together.
"""

from dataclasses import dataclass
from decimal import Decimal

from groups.models import Limits
from groups.models.contents import Breach
from groups.poster import GroupValues
from groups.services.writes.outcome import differing

Limit = Limits.Limit
TERMS = frozenset(("loyalty_type", "percent", "birthday_bonus"))
_NOTHING = Decimal(0)


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
    percent, bonus = (old.percent, old.effective_bonus) if old else (_NOTHING, _NOTHING)
    return Reach(
        percent=new.percent if new.percent > percent else _NOTHING,
        rise=max(new.percent - percent, _NOTHING),
        birthday_bonus=new.effective_bonus if new.effective_bonus > bonus else _NOTHING,
        clients=clients if changes_terms(old, new) else 0,
    )


def changes_terms(old: GroupValues | None, new: GroupValues) -> bool:
    """Return True if clients of the group would get something else than before."""
    return old is None or not TERMS.isdisjoint(differing(old, new))
