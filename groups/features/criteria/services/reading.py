"""Read the clients and the sales of an account, judge them by its table, and say who would move.

The sales come first. Then one sweep of all clients judges each as they are read. Sums alone are kept, for the
day; who would move is known only while it is read.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.utils import timezone

from groups.features.criteria.models import CriteriaPin
from groups.features.criteria.services import kept
from groups.features.criteria.services.judging import UNREAD, Born, Bought, BoughtIn, Judge, Registered, Table
from groups.features.criteria.services.previews import PairSums, Preview, spread_of, widened
from groups.features.criteria.services.sales_lists import SalesLists
from groups.features.criteria.services.tables import saved_criteria
from groups.features.insights.services.sales import MONTH, VIEW_SALES
from groups.features.insights.services.scheme import Ladder, begin_rules
from groups.features.insights.services.sweep import Listener, SweepProgress, add_listener, find_sums, sweep
from groups.features.moves.services import ClientMove
from groups.models import PosterCredentials
from groups.poster import (
    Client,
    ClientList,
    ErrorReason,
    Group,
    InvalidResponse,
    LoyaltyType,
    PosterError,
    UnreadableRow,
)
from groups.poster.clients import is_removed
from groups.services.clients import SECONDS_FOR_ALL, VIEW_CLIENTS
from groups.services.groups import list_groups_now
from groups.services.jobs.lease import stopping

NAMED_AT_MOST = 500
"""Clients of a pair that are named on one page."""
_PER_KOPECK = Decimal(100 * 100)


class GroupsGone(Exception):
    """Groups of the table are no longer in Poster, so nobody is moved."""


class SalesRefused(Exception):
    """The token may not see the sales that the table needs; no client was read."""


@dataclass(frozen=True, slots=True, repr=False)
class Named:
    """A client of a pair with the reason in numbers: in `days` days, and on the day of the reading."""

    id: int
    name: str
    days: int | None
    bought: Bought | None
    born: Born
    registered: Registered


class CriteriaReading(Listener[Preview]):
    """Judges all clients by a table; `moves` has who would move once it is done.

    `named` has the first clients of the pair that was asked for.
    """

    name: ClassVar[str] = "criteria"
    sums_type = Preview

    def __init__(
        self,
        credentials: PosterCredentials,
        table: Table,
        groups: Mapping[int, Group],
        *,
        pair: tuple[int, int] | None = None,
        skip: int = 0,
        needs_sales: bool = False,
    ) -> None:
        self.pins = CriteriaPin.objects.pinned(credentials.account_id)
        pinned = hashlib.blake2b(repr(sorted(self.pins)).encode(), digest_size=8).hexdigest()
        super().__init__(credentials, f"{table.fingerprint}-{pinned}")
        self.table = table
        self.today = timezone.localdate()
        self.moves: list[ClientMove] = []
        self.named: list[Named] = []
        self.groups = groups
        self._judge = Judge(table, self.today)
        self._preview = Preview(self.as_of, dict.fromkeys(table.groups, 0))
        self._lists = SalesLists(credentials, self.today, table.periods, self._preview)
        self._book = self._lists.book
        self.pair, self.skip = pair, skip
        self._needs_sales = needs_sales
        self._pairs: dict[tuple[int, int], PairSums] = {}
        self._spreads: dict[tuple[str, int], Counter[int]] = {
            (field, days): Counter() for field in ("bought", "receipts") for days in self._book.periods
        }
        self._page_before: set[int] = set()

    def begin(self, until: float, alive: Callable[[], object]) -> None:
        """Read the sales of all periods, and the rules and promotions that may work against the table.

        Raises `SalesRefused` for a reading that needs sales.
        """
        self._lists.read(until, alive)
        if self._needs_sales and not self._preview.may_see_sales:
            raise SalesRefused
        rules = begin_rules(self.credentials)()
        self._preview.rules_unread = rules.is_unread
        self._ladder = Ladder(rules.found, self.groups.values())

    # --- Clients -------------------------------------------------------------------------------------------

    def add(self, page: ClientList) -> None:
        # A list that moves between two pages may show a client on both.
        left_out = {row.id for row in page.unreadable} | self._page_before
        if page.unreadable:
            removed = sum(map(is_removed, page.rows)) - sum(client.removed for client in page.clients)
            self._preview.unread += len(page.unreadable) - removed
        for client in page.clients:
            if not client.removed and client.group_id in self.table.places and client.id not in left_out:
                self._judge_client(client)
        self._page_before = {client.id for client in page.clients}

    def _judge_client(self, client: Client) -> None:
        self._preview.members[client.group_id] += 1
        bought = self._book.bought(client.id)
        for days, sums in bought.items():
            if sums is not None:
                self._spreads["bought", days][sums[0] // 100] += 1
                self._spreads["receipts", days][sums[1]] += 1
        if self._book.is_broken(client.id):
            self._preview.unproven += 1
            return
        dates = zip(self.table.asks_for_dates, _dates_of(client), strict=True)
        self._preview.unread += any(is_asked and date == UNREAD for is_asked, date in dates)
        if not self._place(client, bought):
            self._preview.unproven += 1

    def _place(self, client: Client, bought: BoughtIn) -> bool:
        """Note where a client belongs; return False if that is not proven."""
        place = self._judge.place_of(*_dates_of(client), bought)
        if place is None:
            return False
        to_id = self.table.groups[place]
        if to_id == client.group_id:
            return True
        if client.id in self.pins:
            self._preview.pinned += 1
            return True
        self.moves.append(ClientMove(client.id, client.group_id, to_id))
        self._add_move(client, to_id, bought)
        return True

    def _add_move(self, client: Client, to_id: int, bought: BoughtIn) -> None:
        """Add the move of a client to the sums of its pair, and name them if that pair is asked for."""
        pair = self._pair_of(client.group_id, to_id)
        pair.clients += 1
        sums = bought.get(pair.days) if pair.days is not None else None
        if sums is not None:
            pair.bought = widened(pair.bought, sums[0])
            pair.receipts = widened(pair.receipts, sums[1])
        if client.total_paid is not None:
            reached = [rule for rule in self._ladder.rules if rule.value <= client.total_paid]
            if reached and reached[-1].group_id != to_id:
                pair.against[reached[-1].id] = pair.against.get(reached[-1].id, 0) + 1
        if (month := bought[MONTH]) is None:
            self._preview.has_cost = False  # no cost is told if that of one is not proven
        else:
            total, own = self._lists.totals[client.id], client.own_percent
            old, new = self.groups[client.group_id], self.groups[to_id]
            pair.cost += _given(new, own, total, month[0]) - _given(old, own, total, month[0])
        if self.pair == (client.group_id, to_id) and 0 < pair.clients - self.skip <= NAMED_AT_MOST:
            self.named.append(Named(client.id, client.name, pair.days, sums, *_dates_of(client)))

    def _pair_of(self, from_id: int, to_id: int) -> PairSums:
        pair = self._pairs.get((from_id, to_id))
        if pair is None:
            before, after = self.table.places[from_id], self.table.places[to_id]
            # The criterion that they fulfil; else the one that they no longer fulfil.
            rows = [self.table.rows[place] for place in (after, before) if place < len(self.table.rows)]
            days = next((row.days for row in rows if row.needs_sales), None)
            pair = self._pairs[from_id, to_id] = PairSums(from_id, to_id, days=days)
        return pair

    # --- The end -------------------------------------------------------------------------------------------

    def done(self) -> Preview:
        preview = self._preview
        pairs = self._pairs.values()
        preview.pairs = sorted(pairs, key=lambda each: (-each.clients, each.from_id, each.to_id))
        preview.provisional = not self.membership.settled
        return preview

    def keep(self, sums: Preview) -> None:
        """Keep the spreads too: those of today serve every threshold; and whether the token may see sales."""
        super().keep(sums)
        kept.keep_whether_sales(self.credentials, lack=not sums.may_see_sales)
        for (field, days), values in self._spreads.items():
            if values:
                spread = spread_of(values)
                spread.step *= 100 if field == "bought" else 1  # kopecks
                kept.keep_spread(self.credentials, self.today, field, days, spread)


def _dates_of(client: Client) -> tuple[Born, Registered]:
    """Return the birthday and the day of registration of a client, as far as they can be read."""
    born: Born = UNREAD
    registered: Registered = UNREAD
    with suppress(UnreadableRow):
        born = client.born_on
    with suppress(UnreadableRow):
        registered = client.registered_on
    return born, registered


def _given(group: Group, own: Decimal, total: int, revenue: int) -> Decimal:
    """Return what a group gives a client who bought this in a month, in hryvnia, unrounded."""
    base = total if group.loyalty_type == LoyaltyType.DISCOUNT else revenue
    return max(own, group.percent) * base / _PER_KOPECK


# --- Asking ------------------------------------------------------------------------------------------------


def new_reading(
    credentials: PosterCredentials,
    table: Table,
    *,
    pair: tuple[int, int] | None = None,
    skip: int = 0,
    looks_twice: bool = False,
    needs_sales: bool = False,
) -> CriteriaReading:
    """Return the reading of an account, over its groups as they are now.

    A group may be omitted by mistake: where nobody looks on, it is gone after two looks. A reading
    that `needs_sales` ends with `SalesRefused` where the token may not see them. Raises `GroupsGone`, and
    `PosterError` if the groups cannot be read.
    """
    found = list_groups_now(credentials)
    groups = {group.id: group for group in found.groups}
    gone = [group_id for group_id in table.groups if group_id not in groups]
    if any(row.id is None or row.id in gone for row in found.unreadable):
        raise InvalidResponse(
            "a group could not be read", method="clients.getGroups", reason=ErrorReason.UNREADABLE_ROW
        )
    if gone and looks_twice:
        stopping.wait(settings.POSTER_CONFIRM_SECONDS)
        return new_reading(credentials, table, pair=pair, skip=skip, needs_sales=needs_sales)
    if gone:
        raise GroupsGone
    return CriteriaReading(credentials, table, groups, pair=pair, skip=skip, needs_sales=needs_sales)


def find_preview(reading: CriteriaReading, *, again: bool) -> Preview | SweepProgress:
    """Return what the table would do, as read now, or the progress of the worker's reading.

    A worker reads large accounts, and small ones of a slow Poster. `again` is True to read again, and False
    for a page that waits. Raises `PosterError`.
    """
    if again:
        reading.forget()
    kept.ask_sweeps(reading.credentials)
    return find_sums(reading, within=SECONDS_FOR_ALL)


def read_now(
    reading: CriteriaReading, *, seconds: float, note: Callable[[int], object] | None = None
) -> Preview:
    """Read and judge all clients now, and return the sums; `note` is called after each call to Poster.

    Raises `PosterError` and `SalesRefused`.
    """
    sweep([reading], until=time.monotonic() + seconds, note=note or (lambda _read: None))
    if reading.failure is not None:
        raise reading.failure
    return reading.sums


@add_listener
def listen_for_criteria(credentials: PosterCredentials, _days: int) -> CriteriaReading | None:
    """Return the reading for a sweep of a worker; None where nobody has asked for a preview."""
    may_see = credentials.user.has_perms((VIEW_CLIENTS, VIEW_SALES))
    if not may_see or not kept.are_sweeps_asked(credentials):
        return None
    try:
        saved = saved_criteria(credentials)
        return new_reading(credentials, Table.from_json(saved.table)) if saved else None
    except (GroupsGone, PosterError):
        return None
