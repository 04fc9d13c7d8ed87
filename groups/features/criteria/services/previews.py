"""Define the sums of a preview, which name no client: of those who would move, and where all lie."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from itertools import compress, count

import msgspec
from django.utils.translation import ngettext

from groups.models.contents import Pairs
from groups.poster import Group
from groups.services.values import NumberFormat

BARS = 60
"""Bars of a spread, about; one more is for all clients above them."""
_MOST = 0.99


class PairSums(msgspec.Struct):
    """The clients who would go from one group to another.

    `bought` are kopecks and `receipts` numbers, each the least and the most of these clients in `days` days:
    of the criterion that decides the move. `cost` is hryvnia in 30 days, unrounded. `against` are rules of
    Poster that lead to another group than this one, with the number of clients who have paid their sum.
    """

    from_id: int
    to_id: int
    clients: int = 0
    days: int | None = None
    bought: tuple[int, int] | None = None
    receipts: tuple[int, int] | None = None
    cost: Decimal = Decimal(0)
    against: dict[int, int] = msgspec.field(default_factory=dict)


class Preview(msgspec.Struct):
    """The effect that a table would have, as one token saw it at `as_of`.

    `unread` counts rows that could not be read, and lists that failed or were cut; `unproven` the clients who
    stay because of that, and `pinned` those who would move but for their pin. `members` are the clients of
    each group. `has_cost` is False where the sales of the last 30 days are not known; `is_month_empty` says
    that Poster lists none in these days.
    """

    as_of: datetime
    members: dict[int, int]
    pairs: list[PairSums] = msgspec.field(default_factory=list)
    unread: int = 0
    unproven: int = 0
    pinned: int = 0
    has_cost: bool = True
    is_month_empty: bool = False
    may_see_sales: bool = True
    rules_unread: bool = False
    provisional: bool = False

    @property
    def moves(self) -> int:
        return sum(pair.clients for pair in self.pairs)

    @property
    def moved(self) -> Pairs:
        """The pairs as the effect of a run has them."""
        return tuple((pair.from_id, pair.to_id, pair.clients) for pair in self.pairs)

    @property
    def has_read(self) -> bool:
        """Return False if nothing is proven of anybody, so that it shows nothing of what the table does."""
        return self.unproven < sum(self.members.values()) or not (self.unproven or self.unread)


class Spread(msgspec.Struct):
    """How many clients lie in each step of an amount, from 0 on; the last step is open.

    `step` and the bounds that it is held against are kopecks, or receipts.
    """

    step: int
    counts: list[int]

    @property
    def clients(self) -> int:
        return sum(self.counts)

    def within(self, least: int | None, most: int | None) -> tuple[int, bool]:
        """Return the number of clients within the bounds, and True if that is exact.

        It is where the bounds are at the edges of steps; else the steps that they cut count in full.
        """
        chosen = [self.is_within(place, least, most) for place in range(len(self.counts))]
        clients = sum(compress(self.counts, chosen))
        exact = not (least or 0) % self.step and (most is None or not (most + 1) % self.step)
        return clients, exact and not (most is not None and chosen[-1])

    def is_within(self, place: int, least: int | None, most: int | None) -> bool:
        """Return True if a step is within the bounds, in part at least."""
        first, last = place * self.step, (place + 1) * self.step - 1
        is_last = place == len(self.counts) - 1
        return (least is None or is_last or last >= least) and (most is None or first <= most)


def spread_of(values: Counter[int]) -> Spread:
    """Return the spread of whole values, in steps that people would choose: 1, 2, 5, 10, 20 and so on."""
    total, seen, top = sum(values.values()), 0, 0
    for value in sorted(values):
        seen, top = seen + values[value], value
        if seen >= total * _MOST:
            break
    steps = (nice * 10**power for power in count() for nice in (1, 2, 5))
    step = next(step for step in steps if step >= top // BARS)
    counts = [0] * (max(top, 0) // step + 2)
    for value, clients in values.items():
        counts[min(max(value, 0) // step, len(counts) - 1)] += clients
    return Spread(step, counts)


def is_better(old: Group, new: Group) -> bool | None:
    """Return True if clients get more in the new group, None if as much; the percent comes first."""
    before, after = ((group.percent, group.effective_bonus) for group in (old, new))
    return None if before == after else after > before


def unproven_words(count: int) -> str:
    """Return how many clients stay because nothing is proven of them."""
    text = ngettext(
        "%(count)s client of whom nothing is proven stays where they are.",
        "%(count)s clients of whom nothing is proven stay where they are.",
        count,
    )
    return text % {"count": NumberFormat.current().count(count)}


def widened(bounds: tuple[int, int] | None, value: int) -> tuple[int, int]:
    """Return the least and the most, with one more value."""
    return (value, value) if bounds is None else (min(bounds[0], value), max(bounds[1], value))
