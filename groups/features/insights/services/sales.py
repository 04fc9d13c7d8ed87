"""Read the sales to the clients of all groups, and keep their sums for the day.

Poster reports what each client bought, but not the client's group; so the sales are joined with all clients
of the account, as a sweep reads them. People's figures are added up and forgotten.

A client gets the larger of two percents, the client's own and the group's. So the sums are kept in steps, by
the own percent of the clients: each step has the sums of all clients with at most that percent. These steps
are all that the cost of a percent needs, and all that is cached.
"""

import time
from calendar import isleap, monthrange
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any, ClassVar

import msgspec
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.insights.services.sweep import Listener, add_listener
from groups.models import PosterCredentials
from groups.poster import ClientList, ErrorReason, GroupValues, InvalidResponse, LoyaltyType, SalesList
from groups.poster.records import CUT
from groups.services.gateway import call_poster, remaining, seconds_left
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.gates import Gate
from groups.services.writes.reach import changes_terms

VIEW_SALES = "groups.view_sales"
MONTH = 30
PERIODS = (MONTH, 90, 365)
"""Numbers of days that can be requested; a longer period than MONTH is read month by month."""
LARGEST_COST = Decimal(10**15)
"""The journal has room for smaller amounts; a larger one must not keep a change from being recorded."""

# --- Sums --------------------------------------------------------------------------------------------------


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


class PeriodSums(msgspec.Struct, array_like=True, frozen=True):
    """The sums of a group in one period, each of all clients with at most an own percent.

    These rise: the last step has everybody.
    """

    steps: tuple[tuple[Decimal, SalesSums], ...] = ()

    @classmethod
    def by_own_percent(cls, by_own: dict[Decimal, SalesSums]) -> "PeriodSums":
        running, steps = SalesSums(), []
        for own in sorted(by_own):
            running.add(by_own[own])
            steps.append((own, msgspec.structs.replace(running)))
        return cls(tuple(steps))

    @property
    def everybody(self) -> SalesSums:
        return self.steps[-1][1] if self.steps else SalesSums()

    def given(self, loyalty_type: int, percent: Decimal) -> Decimal:
        """Return the discounts or bonuses that this percent of the group gives, unrounded."""
        below = next((sums for own, sums in reversed(self.steps) if own <= percent), SalesSums())
        everybody = self.everybody
        if loyalty_type == LoyaltyType.DISCOUNT:
            given = percent * below.total + everybody.weighted_total - below.weighted_total
        else:
            given = percent * below.revenue + everybody.weighted_revenue - below.weighted_revenue
        return given / 100


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
        return sum((part.everybody.total for part in self.parts), Decimal(0))

    @property
    def revenue(self) -> Decimal:
        return sum((part.everybody.revenue for part in self.parts), Decimal(0))

    def cost(self, old: GroupValues, new: GroupValues) -> Decimal:
        return sum((cost_of(part, old, new) for part in self.parts), Decimal(0))


def cost_of(part: PeriodSums, old: GroupValues, new: GroupValues) -> Decimal:
    """Return the cost of the new values in one part of the period, unrounded; negative if they save."""
    return part.given(new.loyalty_type, new.percent) - part.given(old.loyalty_type, old.percent)


def rounded(amount: Decimal) -> Decimal:
    """Return an amount rounded half up to kopecks; never a negative zero."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP) + 0


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
    cut_at: ClassVar[int] = CUT

    @property
    def period(self) -> Period:
        return Period(self.parts[0].first, self.parts[-1].last)

    def of_group(self, group_id: int) -> GroupSales:
        return self.groups.get(group_id, GroupSales())


def months_of(last: date, days: int) -> tuple[Period, ...]:
    """Return the `days` days up to `last`, in one period up to MONTH days, else by calendar months."""
    first = date.fromordinal(last.toordinal() - days + 1)
    if days <= MONTH:
        return (Period(first, last),)
    parts, begin = [], first
    while begin <= last:
        end = min(last, begin.replace(day=monthrange(begin.year, begin.month)[1]))
        parts.append(Period(begin, end))
        begin = date.fromordinal(end.toordinal() + 1)
    return tuple(parts)


def summed(lines: Iterable[Decimal]) -> Decimal:
    return rounded(sum(lines, Decimal(0)))


# --- Reading them ------------------------------------------------------------------------------------------


class SalesAdder(Listener[Sales]):
    """Adds up the sales of the last `days` days, today included, by group and own percent.

    Of a client it holds the group and the client's own percent, and no name. Raises `InvalidResponse` if no
    sale, or no client, could be read among those that Poster returned: sums of nothing would say that nothing
    was bought.
    """

    name = "sales"
    sums_type = Sales

    def __init__(self, credentials: PosterCredentials, days: int) -> None:
        super().__init__(credentials, days)
        self.days = days
        self._parts = months_of(timezone.localdate(), days)
        self._birthdays_of_parts = [part.birthdays for part in self._parts]
        self._homes: dict[int, tuple[int, Decimal]] = {}
        self._known_homes: dict[tuple[int, Decimal], tuple[int, Decimal]] = {}
        self._sums: list[dict[int, dict[Decimal, SalesSums]]] = [
            defaultdict(lambda: defaultdict(SalesSums)) for _ in self._parts
        ]
        self._bought: set[int] = set()
        self._buyers: Counter[int] = Counter()
        self._receipts: Counter[int] = Counter()
        self._birthdays: Counter[int] = Counter()
        self._unreadable = 0
        self._may_be_cut = False
        self._clients_read = 0

    def begin(self, until: float, alive: Callable[[], object]) -> None:
        """Read the latest sales first, because that shows whether the token has the right to them."""
        self._until, self._alive = until, alive
        self._latest = self._sales_in(self._parts[-1])

    def add(self, page: ClientList) -> None:
        self._clients_read += len(page.clients)
        self._unreadable += len(page.unreadable)
        for client in page.clients:
            if client.removed:
                continue
            home = (client.group_id, client.own_percent)
            # One object for all clients of a group with the same percent.
            self._homes[client.id] = self._known_homes.setdefault(home, home)
            born = client.birthday
            if born and any((born.month, born.day) in days for days in self._birthdays_of_parts):
                self._birthdays[client.group_id] += 1

    def done(self) -> Sales:
        if self._unreadable and not self._clients_read:
            raise _none_read("clients.getClients")
        self._add_sales(len(self._parts) - 1, self._latest)
        for place, part in enumerate(self._parts[:-1]):
            self._add_sales(place, self._sales_in(part))
            self._alive()
        known = {group_id for group_id, _own in self._known_homes}
        groups = {
            group_id: GroupSales(
                self._buyers[group_id],
                self._receipts[group_id],
                self._birthdays[group_id],
                tuple(PeriodSums.by_own_percent(sums.get(group_id, {})) for sums in self._sums),
            )
            for group_id in sorted(known)
        }
        provisional = not self.is_settled
        return Sales(self.as_of, self._parts, groups, self._unreadable, provisional, self._may_be_cut)

    def _add_sales(self, place: int, found: SalesList) -> None:
        self._unreadable += len(found.unreadable)
        self._may_be_cut |= found.may_be_cut
        for sale in found.sales:
            home = self._homes.get(sale.id)
            if home is None or not sale.receipts:
                continue
            group_id, own = home
            self._sums[place][group_id][own].add(
                SalesSums(sale.total, sale.revenue, sale.total * own, sale.revenue * own)
            )
            self._receipts[group_id] += sale.receipts
            if sale.id not in self._bought:
                self._bought.add(sale.id)
                self._buyers[group_id] += 1

    def _sales_in(self, part: Period) -> SalesList:
        found = read_sales(self.credentials, part, within=seconds_left(self._until, "dash.getClientsSales"))
        if found.unreadable and not found.sales:
            raise _none_read("dash.getClientsSales")
        return found


def read_sales(credentials: PosterCredentials, period: Period, *, within: float) -> SalesList:
    """Return the sales of some days, read in at most `within` seconds. Raises `PosterError`.

    An empty list is requested once more: it may be a mistake, and would say that nobody has bought anything.
    """
    began = time.monotonic()

    def ask() -> SalesList:
        left = remaining(within, began)
        return call_poster(
            credentials,
            lambda poster: poster.get_clients_sales(period.first, period.last, within=left),
            of_statistics=True,
        )

    found = ask()
    return found if found.size else ask()


def _none_read(method: str) -> InvalidResponse:
    return InvalidResponse("no row could be read", method=method, reason=ErrorReason.UNREADABLE_ROW)


@add_listener
def listen_for_sales(credentials: PosterCredentials, days: int) -> SalesAdder | None:
    return SalesAdder(credentials, days or MONTH) if credentials.user.has_perm(VIEW_SALES) else None


# --- The cost of a change ----------------------------------------------------------------------------------

type Edit = tuple[int, GroupValues, GroupValues]
"""A group, and its values before and after."""


def may_cost(user: User, edit: Edit) -> bool:
    """Return True for an edit that may cost something, if the user may see what."""
    _group_id, old, new = edit
    known = {int(old.loyalty_type), int(new.loyalty_type)} <= set(LoyaltyType)
    return known and changes_terms(old, new) and user.has_perm(VIEW_SALES)


def edit_of(user: User, command: GroupCommand) -> Edit | None:
    """Return the edit of a command that may cost something, for users who may see what; else None."""
    if command.group_id is None or command.loaded is None or command.intended is None:
        return None
    edit = command.group_id, command.loaded, command.intended
    return edit if may_cost(user, edit) else None


@gates.register
class CostGate(Gate):
    """Write into the journal what a change costs a month, if that is known; never wait for it."""

    order = 40

    def before(self, command: Command) -> dict[str, Any]:
        if not isinstance(command, GroupCommand) or not command.shows_cost:
            return {}
        credentials = command.sender
        edit = edit_of(credentials.user, command)
        return {"monthly_cost": monthly_cost(credentials, edit) if edit else None}


def monthly_cost(credentials: PosterCredentials, edit: Edit) -> Decimal | None:
    """Return what an edit would have cost in the last 30 days, if the sums for it are known.

    None also while clients are being moved, and where birthday bonuses alone change.
    """
    group_id, old, new = edit
    if (old.percent, old.loyalty_type) == (new.percent, new.loyalty_type):
        return None
    sales = SalesAdder(credentials, MONTH).kept()
    cost = rounded(sales.of_group(group_id).cost(old, new)) if sales and not sales.provisional else None
    return cost if cost is not None and abs(cost) < LARGEST_COST else None


def cost_words(cost: Decimal, days: int = MONTH) -> str:
    """Return a cost in half a sentence, in whole hryvnia: «коштуватиме до 12 400 ₴ на місяць»."""
    if not cost:
        return _("will cost nothing more")
    numbers = NumberFormat.current()
    # It is an upper bound, so it is rounded up: «12 400 ₴».
    whole = int(abs(cost).to_integral_value(ROUND_UP))
    values = {"sum": f"{numbers.count(whole)}\N{NO-BREAK SPACE}{numbers.currency}", "days": days}
    if days == MONTH:
        text = _("will cost up to %(sum)s a month") if cost > 0 else _("will save up to %(sum)s a month")
    elif cost > 0:
        text = ngettext(
            "would have cost up to %(sum)s in %(days)s day",
            "would have cost up to %(sum)s in %(days)s days",
            days,
        )
    else:
        text = ngettext(
            "would have saved up to %(sum)s in %(days)s day",
            "would have saved up to %(sum)s in %(days)s days",
            days,
        )
    return text % values
