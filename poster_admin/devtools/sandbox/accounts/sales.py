"""The sales of an account of the sandbox: invented receipts, and those that a test adds.

An invented receipt follows from the seed, the account, the client and the day alone. So an account of any
size costs nothing until a call asks for it, and the sales of two periods add up to those of both. A receipt
has the discount that the seed gave to its client: a later change of the group does not change the past.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox.accounts import invented_clients, validation
from poster_admin.devtools.sandbox.accounts.seed_data import Profile

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.accounts.clients import Clients

_ZONE = ZoneInfo("Europe/Kyiv")
_MONTH = timedelta(days=30)
# Days between two visits of a client; out of 16 clients one never comes.
_RHYTHMS = (1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 7, 10, 14, 21)
_PAID_WITH_BONUSES = 3


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt of a client: its day as an ordinal, and its sums in kopecks."""

    day: int
    total: int
    revenue: int
    profit: int


class Sales:
    """The receipts of one account, guarded by the lock of the account.

    `born` are the groups of the seed by id: their percents are in the invented receipts.
    """

    def __init__(self, seed: int, profile: Profile, born: Mapping[int, Mapping[str, str]]) -> None:
        self._seed = seed
        self._profile = profile
        self._born = born
        self._added: dict[int, list[Receipt]] = {}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Restore the receipts of `save`."""
        self._added = {int(number): [Receipt(*each) for each in added] for number, added in saved.items()}

    def save(self) -> dict[str, Any]:
        """Return the receipts that were added, ready for JSON."""
        return {str(number): [astuple(each) for each in added] for number, added in self._added.items()}

    def add(self, client_id: int, receipt: Receipt) -> None:
        """Add a receipt, as a till does."""
        self._added.setdefault(client_id, []).append(receipt)

    def take_back(self, client_id: int) -> None:
        """Take back the receipts of a client that were added."""
        self._added.pop(client_id, None)

    def rows(self, query: Mapping[str, str], clients: "Clients") -> list[dict[str, Any]]:
        """Return the sales of each client who bought in the period, by default the last 30 days."""
        first, last = _period(query)
        rows = []
        for client_id, group_id in self._buyers(clients):
            bought = list(self._receipts(client_id, group_id, first.toordinal(), last.toordinal()))
            if bought:
                rows.append(self._row(client_id, clients.row(client_id), bought))
        return rows

    def _buyers(self, clients: "Clients") -> Iterator[tuple[int, int]]:
        """Yield the clients who may have bought, with their first group; a removed client has bought too."""
        seen = set()
        for block in clients.blocks:
            for client_id in range(block.first, block.first + block.size):
                yield client_id, block.group
                seen.add(client_id)
        yield from ((client_id, 0) for client_id in sorted(self._added.keys() - seen))

    def _receipts(self, client_id: int, group_id: int, first: int, last: int) -> Iterator[Receipt]:
        if group_id:
            yield from self._invented(client_id, group_id, first, last)
        for receipt in self._added.get(client_id, ()):
            if first <= receipt.day <= last:
                yield receipt

    def _invented(self, client_id: int, group_id: int, first: int, last: int) -> Iterator[Receipt]:
        dice = hashlib.blake2b(
            f"sales {self._seed} {self._profile.name} {client_id}".encode(), digest_size=32
        ).digest()
        if not dice[0] % 16:
            return
        rhythm = _RHYTHMS[dice[0] % 16 - 1]
        typical = 4_507 + 61 * dice[1]
        off = self._discount(client_id, group_id) if group_id in self._born else 0
        off = off or (_PAID_WITH_BONUSES if dice[2] % 8 == 0 else 0)
        for day in range(first + (dice[3] - first) % rhythm, last + 1, rhythm):
            total = typical * (60 + dice[4 + day % 28] % 81) // 100
            revenue = total - total * off // 100
            yield Receipt(day, total, revenue, revenue * 13 // 20)

    def _discount(self, client_id: int, group_id: int) -> int:
        """Return the percent of a discount group of the seed, or the client's own one, if that is larger."""
        born = self._born[group_id]
        if born["loyalty_type"] != "2":
            return 0
        own = invented_clients.person(self._seed, self._profile.name, client_id)["discount_per"]
        return max(int(own), int(float(born["client_groups_discount"])))

    def _row(self, client_id: int, client: Mapping[str, str] | None, bought: list[Receipt]) -> dict[str, Any]:
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


def _period(query: Mapping[str, str]) -> tuple[date, date]:
    """Return the first and the last day that are asked for, by default the last month up to today."""
    today = datetime.now(_ZONE).date()
    last = min(validation.day(query, "dateTo") or today, today)
    return validation.day(query, "dateFrom") or last - _MONTH, last
