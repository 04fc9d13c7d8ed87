"""Read the clients and the sales of an account, judge them by its table, and say who would move.

The sales come first. Then one sweep of all clients judges each as they are read. Sums alone are kept, for the
day; who would move is known only while it is read.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from statistics import quantiles
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from groups.features.criteria.models import Criteria, CriteriaPin
from groups.features.criteria.services import judging
from groups.features.insights.models import Sweep
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import MONTH, VIEW_SALES, Period, read_sales
from groups.features.insights.services.scheme import Ladder, begin_rules
from groups.features.moves.services import ClientMove
from groups.models import PosterCredentials
from groups.models.contents import Pairs
from groups.poster import (
    Client,
    ClientList,
    ErrorReason,
    Group,
    InvalidResponse,
    LoyaltyType,
    NotAllowed,
    PosterError,
    Unreachable,
    UnreadableRow,
)
from groups.poster.clients import is_removed
from groups.poster.fields import KOPECKS
from groups.services.clients import SECONDS_FOR_ALL, VIEW_CLIENTS
from groups.services.gateway import check_token, seconds_left
from groups.services.groups import list_groups_now
from groups.services.jobs.lease import stopping
from poster_admin.common.outages import ask_shared

NAMED_AT_MOST = 500
"""Clients of a pair that are named on one page."""
FAILURES_IN_A_ROW = 2
"""Calls for sales that fail one after the other until the rest is not requested. One timeout is enough."""
BARS = 60
"""Bars of a spread, about; one more is for all clients above them."""
WANTED = 60 * 60
"""Seconds for which a sweep of the workers judges an account whose preview somebody has requested."""
_TIMEOUTS = (ErrorReason.CONNECT_TIMEOUT, ErrorReason.TIMEOUT, ErrorReason.DEADLINE)
_MOST = 0.99
_PER_KOPECK = Decimal(100 * 100)


class GroupsGone(Exception):
    """Groups of the table are no longer in Poster, so nobody is moved."""


class SalesRefused(Exception):
    """The token may not see the sales that the table needs; no client was read."""


def saved_criteria(credentials: PosterCredentials) -> Criteria | None:
    """Raises `TokenRejected` if Poster refused the token."""
    check_token(credentials)
    return Criteria.objects.filter(account=credentials.account_id).first()


# --- The sums of a preview, which name no client -----------------------------------------------------------


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

    def is_edge(self, least: int | None, most: int | None) -> bool:
        """Return True if the bounds are at the edges of steps, so that no step counts in part."""
        top = (len(self.counts) - 1) * self.step
        at_edges = not (least or 0) % self.step and (most is None or not (most + 1) % self.step)
        return at_edges and max(least or 0, most or 0) <= top

    def is_within(self, place: int, least: int | None, most: int | None) -> bool:
        """Return True if a step is within the bounds, in part at least."""
        first, last = place * self.step, (place + 1) * self.step - 1
        is_last = place == len(self.counts) - 1
        return (least is None or is_last or last >= least) and (most is None or first <= most)


def widened(bounds: tuple[int, int] | None, value: int) -> tuple[int, int]:
    return (value, value) if bounds is None else (min(bounds[0], value), max(bounds[1], value))


def kept_spread(credentials: PosterCredentials, field: str, days: int) -> Spread | None:
    """Return where the clients of the table's groups lie, as it was read today; None if it was not."""
    return sweep.kept_sums(
        credentials, _key(credentials, "spread", timezone.localdate(), field, days), Spread
    )


def _key(credentials: PosterCredentials, *parts: object) -> str:
    return ":".join(map(str, ("criteria", credentials.account_id, credentials.fingerprint, *parts)))


def lacks_sales(credentials: PosterCredentials) -> bool:
    """Return True if the last reading of the day has shown that the token may not see sales."""
    return bool(ask_shared(lambda: cache.get(_key(credentials, "lacks-sales")), False))


# --- The reading -------------------------------------------------------------------------------------------


class CriteriaReading(sweep.Listener[Preview]):
    """Judges all clients by a table; `moves` has who would move once it is done.

    `named` has the first clients of the `pair` that was requested, after those to `skip`, with what they
    bought in the days of the pair. A reading that `needs_sales` ends with `SalesRefused` where the token may
    not see them.
    """

    name: ClassVar[str] = "criteria"
    sums_type = Preview

    def __init__(
        self,
        credentials: PosterCredentials,
        table: judging.Table,
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
        self.named: list[tuple[Client, judging.Bought | None]] = []
        self.groups = groups
        self.pair, self.skip = pair, skip
        self._judge = judging.Judge(table, self.today)
        self._preview = Preview(self.as_of, dict.fromkeys(table.groups, 0))
        self._book = judging.SalesBook((MONTH, *table.periods))
        # Kopecks before discounts in the last month, of all its lists; those paid are in the book.
        self._totals: Counter[int] = Counter()
        self._needs_sales = needs_sales
        self._pairs: dict[tuple[int, int], PairSums] = {}
        self._spreads: dict[tuple[str, int], Counter[int]] = {
            (field, days): Counter() for field in ("bought", "receipts") for days in self._book.periods
        }
        self._page_before: set[int] = set()

    def begin(self, until: float, alive: Callable[[], object]) -> None:
        """Read the sales of all periods into the book, the latest first, and the rules.

        A list that fails, was cut, or has a row that names nobody, proves nothing for who is not in it.
        """
        preview, failures = self._preview, 0
        # The rows of each list that was read of the last month.
        rows_of_month: dict[judging.Span, int] = {}
        for span in judging.spans_of(self._book.periods):
            within, found = seconds_left(until, "dash.getClientsSales"), None
            if failures < FAILURES_IN_A_ROW:
                first, last = (self.today - timedelta(days=ago) for ago in (span[1] - 1, span[0]))
                try:
                    found, failures = read_sales(self.credentials, Period(first, last), within=within), 0
                except NotAllowed:
                    preview.may_see_sales, failures = False, FAILURES_IN_A_ROW
                except (Unreachable, InvalidResponse) as error:
                    failures += FAILURES_IN_A_ROW if error.reason in _TIMEOUTS else 1
            if found is None:
                preview.unread += 1
                preview.has_cost = preview.has_cost and span[0] >= MONTH
                self._book.add(span, {}, broken=(), is_whole=False)
            else:
                sales = {sale.id: (int(sale.revenue * KOPECKS), sale.receipts) for sale in found.sales}
                broken = {row.id for row in found.unreadable if row.id is not None}
                names_nobody = found.lost or any(row.id is None for row in found.unreadable)
                preview.unread += len(found.unreadable) + found.lost + found.may_be_cut
                is_whole = not found.may_be_cut and not names_nobody
                self._book.add(span, sales, broken=broken, is_whole=is_whole)
                if span[0] < MONTH:
                    rows_of_month[span] = found.size
                    self._totals.update({sale.id: int(sale.total * KOPECKS) for sale in found.sales})
            alive()
        # A few days, and months before the first sale, may well be without any; a whole last month hardly.
        if rows_of_month and not any(rows_of_month.values()):
            preview.is_month_empty = True
            for span in rows_of_month:
                self._book.add(span, {}, broken=(), is_whole=False)
        if self._needs_sales and not preview.may_see_sales:
            raise SalesRefused
        rules = begin_rules(self.credentials)()
        preview.rules_unread = rules.is_unread
        self._ladder = Ladder(rules.found, self.groups.values())

    # --- Clients -------------------------------------------------------------------------------------------

    def add(self, page: ClientList) -> None:
        preview = self._preview
        # A list that moves between two pages may show a client on both.
        left_out = {row.id for row in page.unreadable} | self._page_before
        self._page_before = {client.id for client in page.clients}
        if page.unreadable:
            removed = sum(map(is_removed, page.rows)) - sum(client.removed for client in page.clients)
            preview.unread += len(page.unreadable) - removed
        for client in page.clients:
            if client.removed or client.group_id not in self.table.places or client.id in left_out:
                continue
            preview.members[client.group_id] += 1
            bought = self._book.bought(client.id)
            for days, sums in bought.items():
                if sums is not None:
                    self._spreads["bought", days][sums[0] // 100] += 1
                    self._spreads["receipts", days][sums[1]] += 1
            if client.id in self._book.broken:
                preview.unproven += 1
                continue
            born, registered = dates = dates_of(client)
            preview.unread += judging.UNREAD in dates and any(
                (born == judging.UNREAD and row.birthday_in is not None)
                or (registered == judging.UNREAD and row.needs_registration)
                for row in self.table.rows
            )
            place = self._judge.place_of(born, registered, bought)
            to_id = client.group_id if place is None else self.table.groups[place]
            preview.unproven += place is None
            if to_id != client.group_id and client.id in self.pins:
                preview.pinned += 1
            elif to_id != client.group_id:
                self.moves.append(ClientMove(client.id, client.group_id, to_id))
                self._add_move(client, to_id, bought)

    def _add_move(self, client: Client, to_id: int, bought: judging.BoughtIn) -> None:
        """Add the move of a client to the sums of its pair, and name them if that pair is requested."""
        from_id = client.group_id
        pair = self._pairs.get((from_id, to_id))
        if pair is None:
            # The criterion that they fulfil; else the one that they no longer fulfil.
            places = [self.table.places[to_id], self.table.places[from_id]]
            rows = [self.table.rows[place] for place in places if place < len(self.table.rows)]
            days = next((row.days for row in rows if row.needs_sales), None)
            pair = self._pairs[from_id, to_id] = PairSums(from_id, to_id, days=days)
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
            self._preview.has_cost = False  # no cost is shown if that of one is not proven
        else:
            total, own = self._totals[client.id], client.own_percent
            old, new = self.groups[from_id], self.groups[to_id]
            pair.cost += _given(new, own, total, month[0]) - _given(old, own, total, month[0])
        if self.pair == (from_id, to_id) and 0 < pair.clients - self.skip <= NAMED_AT_MOST:
            self.named.append((client, sums))

    # --- The end -------------------------------------------------------------------------------------------

    def done(self) -> Preview:
        preview = self._preview
        pairs = self._pairs.values()
        preview.pairs = sorted(pairs, key=lambda each: (-each.clients, each.from_id, each.to_id))
        preview.provisional = not self.is_settled
        return preview

    def keep(self, sums: Preview) -> None:
        """Keep the spreads too: those of today serve every threshold; and whether the token may see sales."""
        super().keep(sums)
        kept: dict[str, bytes | bool] = {_key(self.credentials, "lacks-sales"): not sums.may_see_sales}
        for (field, days), values in self._spreads.items():
            if not values:
                continue
            total, seen, top = values.total(), 0, 0
            for value in sorted(values):
                seen, top = seen + values[value], value
                if seen >= total * _MOST:
                    break
            # A step that people would choose: 1, 2, 5, 10, 20 and so on.
            steps = (nice * 10**power for power in count() for nice in (1, 2, 5))
            step = next(step for step in steps if step >= top // BARS)
            counts = [0] * (max(top, 0) // step + 2)
            for value, clients in values.items():
                counts[min(max(value, 0) // step, len(counts) - 1)] += clients
            spread = Spread(step * 100 if field == "bought" else step, counts)  # kopecks, or receipts
            key = _key(self.credentials, "spread", self.today, field, days)
            kept[key] = msgspec.msgpack.encode(spread)
        ask_shared(lambda: cache.set_many(kept, timeout=sweep.DAY), [])


def dates_of(client: Client) -> tuple[judging.Born, judging.Registered]:
    born: judging.Born = judging.UNREAD
    registered: judging.Registered = judging.UNREAD
    with suppress(UnreadableRow):
        born = client.born_on
    with suppress(UnreadableRow):
        registered = client.registered_on
    return born, registered


def _given(group: Group, own: Decimal, total: int, revenue: int) -> Decimal:
    """Return what a group gives a client who bought this in a month, in hryvnia, unrounded."""
    base = total if group.loyalty_type == LoyaltyType.DISCOUNT else revenue
    return max(own, group.percent) * base / _PER_KOPECK


def new_reading(
    credentials: PosterCredentials, table: judging.Table, *, looks_twice: bool = False, **options: Any
) -> CriteriaReading:
    """Return the reading of an account, over its groups as they are now; `options` are of the reading.

    A group may be omitted by mistake: where nobody watches, it is gone after two reads. Raises `GroupsGone`,
    and `PosterError` if the groups cannot be read.
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
        return new_reading(credentials, table, **options)
    if gone:
        raise GroupsGone
    return CriteriaReading(credentials, table, groups, **options)


def find_preview(reading: CriteriaReading, *, again: bool) -> Preview | Sweep:
    """Return what the table would do, as read now, or the progress of the worker's reading.

    A worker reads large accounts, and small ones of a slow Poster. `again` is True to read again, and False
    for a page that waits. Raises `PosterError`.
    """
    if again:
        reading.forget()
    ask_shared(lambda: cache.set(_key(reading.credentials, "wanted"), True, timeout=WANTED), None)
    return sweep.find_sums(reading, within=SECONDS_FOR_ALL)


@sweep.add_listener
def listen_for_criteria(credentials: PosterCredentials, _days: int) -> CriteriaReading | None:
    """Return the reading for a sweep of a worker; None where nobody has requested a preview."""
    may_see = credentials.user.has_perms((VIEW_CLIENTS, VIEW_SALES))
    if not may_see or not ask_shared(lambda: cache.get(_key(credentials, "wanted")), None):
        return None
    try:
        saved = saved_criteria(credentials)
        return new_reading(credentials, judging.Table.from_json(saved.table)) if saved else None
    except (GroupsGone, PosterError):
        return None


# --- Five tables to begin with, each of one row, with bounds from the account's own sales ------------------

STARTS = ("new", "regular", "fading", "lapsed", "birthday")
MAX_MOVES = 100
DAYS = 90
FEWEST_BUYERS = 10
"""Sales to fewer clients than these say nothing of what is usual."""


def start_of(name: str, credentials: PosterCredentials) -> tuple[dict[str, Any], bool]:
    """Return the conditions of a row, and False where there were no sales to go by.

    Seldom, usual and often are the quartiles of the receipts of all who have bought in the last DAYS days.
    Clients are new for three pauses between usual visits, and lapsed after three between seldom ones.
    """
    seldom, usual, often, median = 2, 6, 12, 2_000
    today, until = timezone.localdate(), time.monotonic() + sweep.SECONDS_AT_ONCE
    paid, receipts = Counter[int](), Counter[int]()
    needs_sales = name != "birthday" and credentials.user.has_perm(VIEW_SALES)
    try:
        for first, last in judging.spans_of((DAYS,)) if needs_sales else ():
            period = Period(today - timedelta(days=last - 1), today - timedelta(days=first))
            within = seconds_left(until, "dash.getClientsSales")
            for sale in read_sales(credentials, period, within=within).sales:
                if sale.receipts:
                    paid[sale.id] += int(sale.revenue)
                    receipts[sale.id] += sale.receipts
    except PosterError:
        receipts.clear()
    if is_known := len(receipts) >= FEWEST_BUYERS:
        seldom, usual, often = (max(round(each), 1) for each in quantiles(receipts.values(), n=4))
        # Two digits, as people would choose: 1,200 for 1,234.56.
        median = int(float(f"{quantiles(paid.values(), n=4)[1]:.2g}"))
    gone = min(max(3 * DAYS // seldom, 60), 365)
    rows = {
        "new": {"registered_max": min(max(3 * DAYS // usual, 14), DAYS)},
        "regular": {"days": DAYS, "bought_min": int(median * KOPECKS), "receipts_min": often},
        "fading": {"days": DAYS, "receipts_min": 1, "receipts_max": seldom, "registered_min": DAYS},
        "lapsed": {"days": gone, "receipts_max": 0, "registered_min": gone},
        "birthday": {"birthday_in": 7},
    }
    return rows[name], is_known or name == "birthday"
