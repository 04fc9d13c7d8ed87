"""Add up the sales of a group's clients so that the cost of any percent follows, without any single client.

A client gets the larger of two percents, the client's own and the group's. So the sums are kept in steps, by
the own percent of the clients: each step has the sums of all clients with at most that percent. These steps
are all that the cost of a percent needs, and all that is cached.
"""

from calendar import isleap, monthrange
from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from groups.poster import GroupValues, LoyaltyType

HUNDRED = Decimal(100)
KOPECK = Decimal("0.01")


class SalesSums(msgspec.Struct, array_like=True):
    """Sums of sales in hryvnia, before discounts and as paid; `weighted_…` are times the own percents."""

    total: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    weighted_total: Decimal = Decimal(0)
    weighted_revenue: Decimal = Decimal(0)

    def add(self, other: "SalesSums") -> None:
        self.total += other.total
        self.revenue += other.revenue
        self.weighted_total += other.weighted_total
        self.weighted_revenue += other.weighted_revenue


class SumsUpTo(msgspec.Struct, array_like=True, frozen=True):
    """The sums of all clients whose own percent is at most `own`."""

    own: Decimal
    sums: SalesSums


class PeriodSums(msgspec.Struct, array_like=True, frozen=True):
    """The sums of a group in one period, by rising own percent; the last step has everybody."""

    steps: tuple[SumsUpTo, ...] = ()

    @classmethod
    def by_own_percent(cls, by_own: dict[Decimal, SalesSums]) -> "PeriodSums":
        """Return the steps of sums that are sorted by own percent, and forget these."""
        running, steps = SalesSums(), []
        for own in sorted(by_own):
            running.add(by_own[own])
            steps.append(SumsUpTo(own, msgspec.structs.replace(running)))
        return cls(tuple(steps))

    @property
    def everybody(self) -> SalesSums:
        return self.steps[-1].sums if self.steps else SalesSums()

    def given(self, loyalty_type: int, percent: Decimal) -> Decimal:
        """Return the discounts or bonuses that this percent of the group gives, unrounded."""
        below = next((step.sums for step in reversed(self.steps) if step.own <= percent), SalesSums())
        everybody = self.everybody
        if loyalty_type == LoyaltyType.DISCOUNT:
            given = percent * below.total + everybody.weighted_total - below.weighted_total
        else:
            given = percent * below.revenue + everybody.weighted_revenue - below.weighted_revenue
        return given / HUNDRED


class GroupSales(msgspec.Struct, array_like=True, frozen=True):
    """The sales to the clients of one group, in the parts of a period.

    `clients` counts those who bought, `receipts` their receipts, and `birthdays` all clients of the group
    with a birthday in the period.
    """

    clients: int = 0
    receipts: int = 0
    birthdays: int = 0
    parts: tuple[PeriodSums, ...] = ()

    @property
    def total(self) -> Decimal:
        """Sum before discounts."""
        return sum((part.everybody.total for part in self.parts), Decimal(0))

    @property
    def revenue(self) -> Decimal:
        """Sum that was paid."""
        return sum((part.everybody.revenue for part in self.parts), Decimal(0))

    def cost(self, old: GroupValues, new: GroupValues) -> Decimal:
        """Return how much more the new values would have given than the old ones, unrounded."""
        return sum((cost_of(part, old, new) for part in self.parts), Decimal(0))


def cost_of(part: PeriodSums, old: GroupValues, new: GroupValues) -> Decimal:
    """Return the cost of the new values in one part of the period, unrounded; negative if they save."""
    return part.given(new.loyalty_type, new.percent) - part.given(old.loyalty_type, old.percent)


def rounded(amount: Decimal) -> Decimal:
    """Return an amount rounded half up to kopecks; never a negative zero."""
    return amount.quantize(KOPECK, ROUND_HALF_UP) + 0


class Period(msgspec.Struct, array_like=True, frozen=True):
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def birthdays(self) -> set[tuple[int, int]]:
        """The month and day of each day; a birthday of 29 February is on the 28th where there is no 29th."""
        days = [date.fromordinal(day) for day in range(self.first.toordinal(), self.last.toordinal() + 1)]
        found = {(day.month, day.day) for day in days}
        if any((day.month, day.day) == (2, 28) and not isleap(day.year) for day in days):
            found.add((2, 29))
        return found


class Sales(msgspec.Struct, frozen=True):
    """The sums of all groups of an account, as one token saw them at `as_of`.

    `unreadable` counts rows of Poster's that could not be read, and so are in no sum, and `may_be_cut` says
    that Poster may have cut a list of sales. `provisional` sums were read while clients were being moved
    here, or just after, so some may count for the group that they left.
    """

    as_of: datetime
    parts: tuple[Period, ...]
    groups: dict[int, GroupSales]
    unreadable: int = 0
    provisional: bool = False
    may_be_cut: bool = False

    @property
    def period(self) -> Period:
        """All days of the sums."""
        return Period(self.parts[0].first, self.parts[-1].last)

    def of_group(self, group_id: int) -> GroupSales:
        """Return the sales of a group; a group without any has none."""
        return self.groups.get(group_id, GroupSales())


def months_of(last: date, days: int, *, whole: int) -> tuple[Period, ...]:
    """Return the `days` days up to `last`, in one period up to `whole` days, else by calendar months."""
    first = date.fromordinal(last.toordinal() - days + 1)
    if days <= whole:
        return (Period(first, last),)
    parts, begin = [], first
    while begin <= last:
        end = min(last, begin.replace(day=monthrange(begin.year, begin.month)[1]))
        parts.append(Period(begin, end))
        begin = date.fromordinal(end.toordinal() + 1)
    return tuple(parts)


def summed(lines: Iterable[Decimal]) -> Decimal:
    """Return a sum that is rounded once, at the end."""
    return rounded(sum(lines, Decimal(0)))
