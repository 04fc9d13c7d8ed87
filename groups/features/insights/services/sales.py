"""Read the sales to the clients of all groups, and keep their sums for the day.

Poster tells what each client bought, but not the client's group; so the sales are joined with all clients of
the account, which are read in pages. People's figures are added up and forgotten: only sums are cached, per
account, token, day and membership. They serve every group and every percent, in every process, until a move.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from groups.features.insights.services.sales_sums import (
    GroupSales,
    Period,
    Sales,
    Steps,
    Sums,
    months_of,
    rounded,
)
from groups.models import PosterCredentials
from groups.poster import (
    Client,
    ErrorReason,
    GroupValues,
    InvalidResponse,
    NotAllowed,
    SalesList,
)
from groups.services.calls.single_flight import single_flight
from groups.services.clients import pages_of
from groups.services.gateway import call_poster, seconds_left
from groups.services.membership import Membership, membership_of
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.gates import Gate
from poster_admin.common.outages import ask_shared

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RIGHT = "groups.view_sales"
MONTH = 30
PERIODS = (MONTH, 90, 365)
"""Numbers of days that can be asked for; a longer period than MONTH is read month by month."""
PAGE_SIZE = 1_999
"""Clients that one call reads; with the client by which pages overlap that is 2,000."""
REFUSAL_LIFE = 60
"""Seconds for which a token without the right to statistics is not tried again."""
LARGEST_COST = Decimal(10**15)
"""The journal has room for smaller amounts; a larger one must not keep a change from being recorded."""

type Note = Callable[[int], object]


def cached_sales(credentials: PosterCredentials, days: int) -> Sales | None:
    """Return the sums that this token has read today, since the last move made here, or None."""
    if credentials.refused_at:
        return None
    key = cache_key(credentials, days)
    kept = ask_shared(lambda: cache.get(key), None)
    try:
        return msgspec.msgpack.decode(kept, type=Sales) if kept else None
    except msgspec.DecodeError:
        return None  # an earlier version of this program has kept them


def read_sales(credentials: PosterCredentials, days: int, *, within: float = 0) -> Sales:
    """Return the sums of the last `days` days, today included; read them if none are kept.

    Threads and processes that ask at the same time share one reading. Raises `PosterError`, among them
    `NotAllowed` for a token without the right to statistics, and `Unreachable` with the reason "deadline" if
    it takes longer than `within` seconds.
    """
    found = cached_sales(credentials, days)
    if found is not None:
        return found
    if not credentials.refused_at:
        check_refusal(credentials)
    until = time.monotonic() + (within or settings.POSTER_READ_DEADLINE)
    return single_flight(
        cache_key(credentials, days),
        credentials.account_id,
        credentials.user_id,
        lambda: cached_sales(credentials, days),
        lambda: add_up(credentials, days, until=until),
        shared=f"{credentials.fingerprint} sales",
    )


def add_up(
    credentials: PosterCredentials, days: int, *, until: float, note: Note = lambda _read: None
) -> Sales:
    """Read and add up the sales of all clients, and keep the sums for as long as they hold.

    The key is that of the moment before the reading: a move that is made meanwhile leaves the sums unused.
    `note` is called with the number of clients that were read. The first call is for sales, because it shows
    whether the token has the right to them. Raises `InvalidResponse` if no sale, or no client, could be read
    among those that Poster returned: sums of nothing would say that nothing was bought.
    """
    membership = membership_of(credentials.account_id)
    key = cache_key(credentials, days, membership)  # before the day: at midnight the sums are kept for nobody
    as_of, today = timezone.now(), timezone.localdate()
    parts = months_of(today, days, whole=MONTH)
    try:
        latest = _sales_in(credentials, parts[-1], until)
    except NotAllowed as error:
        refused = (error.code, error.message)
        ask_shared(lambda: cache.set(_refusal_key(credentials), refused, timeout=REFUSAL_LIFE), None)
        raise
    adder = _Adder(parts)
    for page in pages_of(credentials, None, size=PAGE_SIZE, until=until):
        adder.add_clients(page.clients, unreadable=len(page.unreadable))
        note(adder.clients_read)
    if adder.unreadable and not adder.clients_read:
        raise _none_read("clients.getClients")
    adder.add_sales(len(parts) - 1, latest)
    for place, part in enumerate(parts[:-1]):
        adder.add_sales(place, _sales_in(credentials, part, until))
        note(adder.clients_read)
    sales = adder.result(as_of, provisional=not membership.settled)
    ask_shared(lambda: cache.set(key, msgspec.msgpack.encode(sales), timeout=membership.life), None)
    return sales


class _Adder:
    """Adds up sales by group and own percent; holds no name, and of a client only its group and percent."""

    def __init__(self, parts: tuple[Period, ...]) -> None:
        self._parts = parts
        self._days = [part.birthdays for part in parts]
        self._homes: dict[int, tuple[int, Decimal]] = {}
        self._known_homes: dict[tuple[int, Decimal], tuple[int, Decimal]] = {}
        self._sums: list[dict[int, dict[Decimal, Sums]]] = [
            defaultdict(lambda: defaultdict(Sums)) for _ in parts
        ]
        self._bought: set[int] = set()
        self._buyers: Counter[int] = Counter()
        self._receipts: Counter[int] = Counter()
        self._birthdays: Counter[int] = Counter()
        self.unreadable = 0
        self.clients_read = 0

    def add_clients(self, clients: tuple[Client, ...], *, unreadable: int) -> None:
        """Note the group and the own percent of each client who is not removed."""
        self.clients_read += len(clients)
        self.unreadable += unreadable
        for client in clients:
            if client.removed:
                continue
            home = (client.group_id, client.own_percent)
            # One object for all clients of a group with the same percent.
            self._homes[client.id] = self._known_homes.setdefault(home, home)
            born = client.birthday
            if born and any((born.month, born.day) in days for days in self._days):
                self._birthdays[client.group_id] += 1

    def add_sales(self, place: int, found: SalesList) -> None:
        """Add the sales of one part of the period."""
        self.unreadable += len(found.unreadable)
        for sale in found.sales:
            home = self._homes.get(sale.id)
            if home is None or not sale.receipts:
                continue
            group_id, own = home
            self._sums[place][group_id][own].add(
                Sums(sale.total, sale.revenue, sale.total * own, sale.revenue * own)
            )
            self._receipts[group_id] += sale.receipts
            if sale.id not in self._bought:
                self._bought.add(sale.id)
                self._buyers[group_id] += 1

    def result(self, as_of: datetime, *, provisional: bool) -> Sales:
        """Return the sums, without anything of a client."""
        known = {group_id for group_id, _own in self._known_homes}
        groups = {
            group_id: GroupSales(
                self._buyers[group_id],
                self._receipts[group_id],
                self._birthdays[group_id],
                tuple(Steps.of(sums.get(group_id, {})) for sums in self._sums),
            )
            for group_id in sorted(known)
        }
        return Sales(as_of, self._parts, groups, self.unreadable, provisional)


def _sales_in(credentials: PosterCredentials, part: Period, until: float) -> SalesList:
    within = seconds_left(until, "dash.getClientsSales")
    found = call_poster(
        credentials, lambda poster: poster.get_clients_sales(part.first, part.last, within=within)
    )
    if found.unreadable and not found.sales:
        raise _none_read("dash.getClientsSales")
    return found


def _none_read(method: str) -> InvalidResponse:
    return InvalidResponse("no row could be read", method=method, reason=ErrorReason.UNREADABLE_ROW)


# --- The cache ---------------------------------------------------------------------------------------------


def cache_key(credentials: PosterCredentials, days: int, membership: Membership | None = None) -> str:
    """Return the key of today's sums: of this account, token and period, and of who is in which group."""
    membership = membership or membership_of(credentials.account_id)
    account = f"{credentials.account_id}:{credentials.fingerprint}"
    return f"sales:{account}:{timezone.localdate()}:{membership.key}:{days}"


def check_refusal(credentials: PosterCredentials) -> None:
    """Raise the `NotAllowed` by which Poster has refused this token's sales a moment ago."""
    refused = ask_shared(lambda: cache.get(_refusal_key(credentials)), None)
    if refused:
        raise NotAllowed(*refused, method="dash.getClientsSales")


def _refusal_key(credentials: PosterCredentials) -> str:
    return f"sales:{credentials.account_id}:{credentials.fingerprint}:refused"


# --- The cost of a change ----------------------------------------------------------------------------------


class CostGate(Gate):
    """Write into the journal what a change costs a month, if that is known; never wait for it."""

    order = 40

    def before(self, command: Command) -> dict[str, Any]:
        if not isinstance(command, GroupCommand) or not command.tells_cost:
            return {}
        sender = command.sender
        cost = monthly_cost(
            sender.user, sender.credentials, command.group_id, command.loaded, command.intended
        )
        return {"monthly_cost": cost}


def monthly_cost(
    user: "User",
    credentials: PosterCredentials,
    group_id: int | None,
    old: GroupValues | None,
    new: GroupValues | None,
) -> Decimal | None:
    """Return what a change of a group would have cost in the last 30 days, if the sums for it are known.

    None also while clients are being moved, for a user without the right to sales, and for a change that
    gives nobody anything else.
    """
    if group_id is None or old is None or new is None or not user.has_perm(RIGHT):
        return None
    if (old.percent, old.loyalty_type) == (new.percent, new.loyalty_type):
        return None
    sales = cached_sales(credentials, MONTH)
    cost = rounded(sales.of(group_id).cost(old, new)) if sales and not sales.provisional else None
    return cost if cost is not None and abs(cost) < LARGEST_COST else None
