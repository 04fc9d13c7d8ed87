"""The sales of an account of the sandbox: invented receipts, and those that a test adds.

An invented receipt follows from the seed, the account, the client and the day alone. So an account of any
size costs nothing until a call asks for it, and the sales of two periods add up to those of both. A receipt
has the discount that the seed gave to its client: a later change of the group does not change the past.

With `stories`, as in the demo, bonuses move: they come by receipts, on birthdays and by hand, and are spent.
Three cards of the first group have a story each: an honest regular, a card that many share, and one that one
waiter puts on the bills of others.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox.accounts import invented_clients, validation
from poster_admin.devtools.sandbox.accounts.disputes import Disputes, cut, in_hryvnia
from poster_admin.devtools.sandbox.accounts.seed_data import Profile

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.accounts.clients import Clients

_ZONE = ZoneInfo("Europe/Kyiv")
_MONTH = timedelta(days=30)
# Days between two visits of a client; out of 16 clients one never comes.
_RHYTHMS = (1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 7, 10, 14, 21)
_PAID_WITH_BONUSES = 3
WAITERS = ("Ганна", "Марко", "Софія", "Денис", "Ірина")
# Out of so many visits of a client one is paid with the bonuses of those before.
_CYCLE = 5
_FIRST_OF_STORIES = date(2025, 1, 1).toordinal()
REGULAR, SHARED, LENT, LENDER = 3, 5, 9, 4
"""Ids of the three cards with a story, and of the waiter of the last one."""

type History = Literal["", "printed", "late", "late_twice"]


@dataclass(frozen=True, slots=True)
class SandboxReceipt:
    """A receipt: its day as an ordinal, and its sums in kopecks.

    `revenue` is what was paid; what is neither by card, certificate nor third party is in cash. `bonuses`
    were paid next to it, `percent` is that of the bonuses granted. It was closed `minute` minutes after the
    midnight before its day. The bill was printed after the receipt was closed, as in the documentation's
    sample, or before that, with the client set before it (`printed`), `late`, or `late_twice`.
    """

    day: int
    total: int
    revenue: int
    profit: int
    minute: int = 12 * 60
    card: int = 0
    certificate: int = 0
    third_party: int = 0
    bonuses: int = 0
    percent: str = "0"
    status: int = 2
    waiter: int = 1
    history: History = ""

    @property
    def spot(self) -> int:
        """Waiters work in one of two places."""
        return (self.waiter - 1) % 2 + 1

    @property
    def closed_at(self) -> datetime:
        return midnight_of(self.day) + timedelta(minutes=self.minute)


class SandboxSales:
    """The receipts of one account, guarded by the lock of the account.

    `born` are the groups of the seed by id: their percents are in the invented receipts.
    """

    def __init__(self, seed: int, profile: Profile, born: Mapping[int, Mapping[str, str]]) -> None:
        self.stories = False
        self._accrued: dict[int, tuple[int, int]] = {}
        self._seed = seed
        self._profile = profile
        self._born = born
        self._added: dict[int, list[SandboxReceipt]] = {}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Restore the receipts of `save`."""
        self._accrued = {}
        self._added = {
            int(number): [SandboxReceipt(*each) for each in added] for number, added in saved.items()
        }

    def save(self) -> dict[str, Any]:
        """Return the receipts that were added, ready for JSON."""
        return {str(number): [astuple(each) for each in added] for number, added in self._added.items()}

    def add(self, client_id: int, receipt: SandboxReceipt) -> None:
        """Add a receipt, as a till does."""
        self._added.setdefault(client_id, []).append(receipt)

    def take_back(self, client_id: int) -> None:
        """Take back the receipts of a client that were added."""
        self._added.pop(client_id, None)

    def rows(self, query: Mapping[str, str], clients: "Clients", disputes: Disputes) -> list[dict[str, Any]]:
        """Return the sales of each client who bought in the period, by default the last 30 days."""
        first, last = _period(query)
        rows = []
        for client_id, group_id in self._buyers(clients):
            bought = list(self._receipts(client_id, group_id, first.toordinal(), last.toordinal()))
            if bought:
                rows.append(self._row(client_id, clients.row(client_id), bought))
        if disputes["sales.paid_unit"] == "hryvnia":
            money = ("sum", "profit", "profit_netto", "revenue")
            rows = [row | {name: in_hryvnia(row[name]) for name in money if name in row} for row in rows]
        return cut(rows) if disputes["sales.size"] == "cut" else rows

    def _buyers(self, clients: "Clients") -> Iterator[tuple[int, int]]:
        """Yield the clients who may have bought, with their first group; a removed client has bought too."""
        seen = set()
        for block in clients.blocks:
            for client_id in range(block.first, block.first + block.size):
                yield client_id, block.group
                seen.add(client_id)
        yield from ((client_id, 0) for client_id in sorted(self._added.keys() - seen))

    def _receipts(self, client_id: int, group_id: int, first: int, last: int) -> Iterator[SandboxReceipt]:
        if group_id:
            yield from self.invented_of(client_id, group_id, first, last)
        for receipt in self._added.get(client_id, ()):
            if first <= receipt.day <= last and receipt.status == 2:
                yield receipt

    def added(self) -> Iterator[tuple[int, SandboxReceipt]]:
        """Yield the receipts that were added, each with its client, in no certain order."""
        yield from ((client_id, each) for client_id, receipts in self._added.items() for each in receipts)

    def invented(self, day: int, clients: "Clients") -> Iterator[tuple[int, SandboxReceipt]]:
        """Yield the invented receipts of a day, each with its client, and some without one."""
        for block in clients.blocks:
            for client_id in range(block.first, block.first + block.size):
                for receipt in self.invented_of(client_id, block.group, day, day):
                    yield client_id, receipt
                    if client_id % 4 == day % 4:
                        sums = (receipt.total, receipt.total, receipt.total * 13 // 20)
                        yield (
                            0,
                            SandboxReceipt(day, *sums, minute=receipt.minute + 3, waiter=client_id % 5 + 1),
                        )

    def invented_of(self, client_id: int, group_id: int, first: int, last: int) -> Iterator[SandboxReceipt]:
        """Yield the invented receipts of a client that the seed has put into this group."""
        dice = hashlib.blake2b(
            f"sales {self._seed} {self._profile.name} {client_id}".encode(), digest_size=32
        ).digest()
        if not dice[0] % 16:
            return
        if self.stories and client_id in (REGULAR, SHARED, LENT):
            yield from self._story(client_id, group_id, first, last)
            return
        rhythm = _RHYTHMS[dice[0] % 16 - 1]
        typical = 4_507 + 61 * dice[1]
        discount = self._discount(client_id, group_id) if group_id in self._born else 0
        off = discount or (_PAID_WITH_BONUSES if dice[2] % 8 == 0 else 0)
        percent = self._bonus_percent(group_id)
        spends = self.stories and float(percent) and dice[2] % 4
        for day in range(first + (dice[3] - first) % rhythm, last + 1, rhythm):
            total = typical * (60 + dice[4 + day % 28] % 81) // 100
            bonuses = 0 if discount or self.stories else total * off // 100
            if spends and day // rhythm % _CYCLE == 0:
                before = [
                    typical * (60 + dice[4 + (day - n * rhythm) % 28] % 81) // 100 for n in range(1, _CYCLE)
                ]
                bonuses = min(sum(granted(each, percent) for each in before), total * 9 // 10)
            revenue = total - (total * discount // 100 if discount else bonuses)
            by_card = (dice[8] + day) % 5
            yield SandboxReceipt(
                *(day, total, revenue, revenue * 13 // 20),
                minute=480 + (dice[5] * dice[6] + day * 37) % 840,
                card=(revenue, revenue, revenue // 2, 0, 0)[by_card],
                bonuses=bonuses,
                percent=percent,
                waiter=(dice[7] + day) % len(WAITERS) + 1,
            )

    def _story(self, client_id: int, group_id: int, first: int, last: int) -> Iterator[SandboxReceipt]:
        percent = self._bonus_percent(group_id)
        for day in range(first, last + 1):
            weekday = date.fromordinal(day).weekday()
            match client_id:
                case _ if client_id == REGULAR:
                    for visit in range(5 if weekday == 4 else 2):
                        sums = (8_500, 8_500, 5_000)
                        waiter = (day + visit) % len(WAITERS) + 1
                        yield SandboxReceipt(
                            day, *sums, 560 + 130 * visit, card=8_500, percent=percent, waiter=waiter
                        )
                case _ if client_id == SHARED:
                    for visit in range(8):
                        total = 9_000 + 700 * visit
                        sums = (total, total, total * 13 // 20)
                        waiter = (day + visit * 3) % len(WAITERS) + 1
                        yield SandboxReceipt(day, *sums, 540 + 95 * visit, percent=percent, waiter=waiter)
                case _ if weekday < 5:
                    total = 21_000 + day % 7 * 900
                    history: History = "late" if day % 3 == 0 else "printed"
                    yield SandboxReceipt(
                        *(day, total, total, total * 13 // 20, 1_260),
                        percent=percent,
                        waiter=LENDER,
                        history=history,
                    )

    def _bonus_percent(self, group_id: int) -> str:
        born = self._born.get(group_id, {})
        return born["client_groups_discount"] if born.get("loyalty_type") == "1" else "0"

    def accrued(self, client_id: int, group_id: int, birthday: str, day: int) -> int:
        """Return the bonuses that a client has got and not spent since the first day of the stories."""
        gift, months = int(self._born[group_id]["birthday_bonus"]), (day - _FIRST_OF_STORIES) // 30
        last = date.fromordinal(day)
        birthdays = last.year - 2025 + (f"{last:%m-%d}" >= birthday[5:]) if birthday[:4] != "0000" else 0
        by_hand = 5_000 * months if client_id % 97 == 0 else 0
        return self.by_receipts(client_id, group_id, day) + birthdays * gift + by_hand

    def by_receipts(self, client_id: int, group_id: int, day: int) -> int:
        """Return those of them that came by receipts."""
        after, kept = self._accrued.get(client_id, (_FIRST_OF_STORIES - 1, 0))
        if day < after:
            after, kept = _FIRST_OF_STORIES - 1, 0
        for receipt in self.invented_of(client_id, group_id, after + 1, day):
            kept += granted(receipt.revenue, receipt.percent) - receipt.bonuses
        self._accrued[client_id] = day, kept
        return kept

    def _discount(self, client_id: int, group_id: int) -> int:
        """Return the percent of a discount group of the seed, or the client's own one, if that is larger."""
        born = self._born[group_id]
        if born["loyalty_type"] != "2":
            return 0
        own = invented_clients.person(self._seed, self._profile.name, client_id)["discount_per"]
        return max(int(own), int(float(born["client_groups_discount"])))

    def _row(
        self, client_id: int, client: Mapping[str, str] | None, bought: list[SandboxReceipt]
    ) -> dict[str, Any]:
        client = client or invented_clients.person(self._seed, self._profile.name, client_id)
        total = sum(receipt.total for receipt in bought)
        profit = sum(receipt.profit for receipt in bought)
        average = round(total / len(bought) / 100, 10)
        return {
            "client_id": str(client_id),
            "firstname": client["firstname"],
            "lastname": client["lastname"],
            "sum": str(total),
            "profit": str(profit),
            **({"profit_netto": str(profit * 5 // 6)} if self._profile.counts_netto else {}),
            "revenue": str(sum(receipt.revenue for receipt in bought)),
            self._profile.receipts_field: str(len(bought)),
            "middle_invoice": int(average) if average.is_integer() else average,
        }


def midnight_of(day: int) -> datetime:
    """Return the midnight before a day, in UTC, so that minutes can be added on a night of summer time."""
    return datetime.combine(date.fromordinal(day), time(), _ZONE).astimezone(UTC)


def granted(paid: int, percent: str) -> int:
    """Return the kopecks of bonuses that a till grants for what was paid in cash and by card."""
    return int(paid * float(percent) / 100)


def _period(query: Mapping[str, str]) -> tuple[date, date]:
    """Return the first and the last day that are requested, by default the last month up to today."""
    today = datetime.now(_ZONE).date()
    last = min(validation.day(query, "dateTo") or today, today)
    return validation.day(query, "dateFrom") or last - _MONTH, last
