"""Read the sales to the clients of all groups, and keep their sums for the day.

Poster tells what each client bought, but not the client's group; so the sales are joined with all clients of
the account, as a sweep reads them. People's figures are added up and forgotten.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from groups.features.insights.services.sales_sums import (
    GroupSales,
    Period,
    PeriodSums,
    Sales,
    SalesSums,
    months_of,
    rounded,
)
from groups.features.insights.services.sweep import Listener
from groups.models import PosterCredentials
from groups.poster import ClientList, ErrorReason, GroupValues, InvalidResponse, LoyaltyType, SalesList
from groups.services.gateway import call_poster, rest_of, seconds_left
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.gates import Gate
from groups.services.writes.reach import changes_terms

VIEW_SALES = "groups.view_sales"
MONTH = 30
PERIODS = (MONTH, 90, 365)
"""Numbers of days that can be asked for; a longer period than MONTH is read month by month."""
LARGEST_COST = Decimal(10**15)
"""The journal has room for smaller amounts; a larger one must not keep a change from being recorded."""


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
        self._parts = months_of(timezone.localdate(), days, whole=MONTH)
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
        """Note the group and the own percent of each client who was not removed."""
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
        """Read the sales of the months before, and return the sums of all."""
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
        provisional = not self.membership.settled
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

    An empty list is asked for once more: it may be a mistake, and would say that nobody has bought anything.
    """
    began = time.monotonic()

    def ask() -> SalesList:
        left = rest_of(within, began)
        return call_poster(
            credentials,
            lambda poster: poster.get_clients_sales(period.first, period.last, within=left),
            of_statistics=True,
        )

    found = ask()
    return found if found.size else ask()


def _none_read(method: str) -> InvalidResponse:
    return InvalidResponse("no row could be read", method=method, reason=ErrorReason.UNREADABLE_ROW)


def listen_for_sales(credentials: PosterCredentials, days: int) -> SalesAdder | None:
    """Return the listener of a sweep whose user may see sales."""
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


class CostGate(Gate):
    """Write into the journal what a change costs a month, if that is known; never wait for it."""

    order = 40

    def before(self, command: Command) -> dict[str, Any]:
        if not isinstance(command, GroupCommand) or not command.tells_cost:
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
