"""The answers of dash.getTransactions: the receipts of an account, row by row and page by page.

Much of what is known of them is disputed, so each such point is a switch: see `Disputes`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox.accounts import validation
from poster_admin.devtools.sandbox.accounts.sales import WAITERS, SandboxReceipt, SandboxSales

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.accounts.clients import Clients

_ZONE = ZoneInfo("Europe/Kyiv")
_FIRST_DAY = date(2015, 1, 1).toordinal()
# Numbers of receipts that a day has; the upper half is for those that were added.
_A_DAY, _ADDED = 100_000, 60_000
_DAYS_KEPT = 40
_MINUTE = 60_000


@dataclass
class Disputes:
    """The points on which the documentation, live answers and other clients disagree.

    `size` and `order` are those of a page, the order only of one without `next_tr`: behind that they ascend.
    Unless Poster `keeps_days`, a page with `next_tr` goes on to the present. `payed_sum` is with bonuses, or
    the money alone. The business day ends at the hour `day_ends`. `refusal` is a code for this section alone.
    Unless it `prints`, no history has the bill.
    """

    size: int = 100
    order: Literal["ascending", "descending"] = "ascending"
    keeps_days: bool = True
    payed_sum: Literal["money", "with_bonuses"] = "money"
    day_ends: int = 0
    refusal: int | None = None
    prints: bool = True


class Receipts:
    """The receipts of one account, guarded by the lock of the account."""

    def __init__(self, sales: SandboxSales) -> None:
        self.disputes = Disputes()
        self._sales = sales
        self._days: dict[int, tuple[Any, list[tuple[int, int, SandboxReceipt]]]] = {}

    def rows(self, query: Mapping[str, str], clients: "Clients") -> list[dict[str, Any]]:
        """Return one page of the receipts that are asked for."""
        today = datetime.now(_ZONE).date()
        last = min(validation.day(query, "dateTo") or today, today).toordinal()
        first = (validation.day(query, "dateFrom") or date.fromordinal(last)).toordinal()
        status, after = validation.whole(query, "status") or 0, validation.whole(query, "next_tr")
        if after is not None and not self.disputes.keeps_days:
            first, last = max(after // _A_DAY + _FIRST_DAY - 1, _FIRST_DAY), today.toordinal()
        whose, whose_id = query.get("type"), validation.whole(query, "id")
        found: list[tuple[int, int, SandboxReceipt]] = []
        descending = after is None and self.disputes.order == "descending"
        days = range(first - 1, last + 2)
        for day in reversed(days) if descending else days:
            of_day = self._of_day(day, clients)
            of_day = of_day[bisect_right(of_day, after or 0, key=itemgetter(0)) :]
            for each in reversed(of_day) if descending else of_day:
                is_asked_for = status in (0, each[2].status) and (
                    (whose != "clients" or each[1] == whose_id)
                    and (whose != "waiters" or each[2].waiter == whose_id)
                )
                if is_asked_for and first <= self._business_day(each[2]) <= last:
                    found.append(each)
                if len(found) == self.disputes.size:
                    break
            if len(found) == self.disputes.size:
                break
        with_history = query.get("include_history") == "true"
        return [self._row(*each, clients, with_history) for each in found]

    def _business_day(self, receipt: SandboxReceipt) -> int:
        if self.disputes.day_ends * 60 <= receipt.minute < 23 * 60:
            return receipt.day
        closed_at = receipt.closed_at.astimezone(_ZONE)
        return (closed_at - timedelta(hours=self.disputes.day_ends)).date().toordinal()

    def _of_day(self, day: int, clients: "Clients") -> list[tuple[int, int, SandboxReceipt]]:
        """Return number, client and receipt of a day, by their numbers: in the order of their closing."""
        key = (clients.blocks, self._sales.stories)
        kept = self._days.get(day)
        if kept is None or kept[0] != key:
            in_order = sorted(self._sales.invented(day, clients), key=lambda each: each[1].minute)
            kept = key, list(self._numbered(day, 1, in_order))
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            self._days[day] = kept
        added = [each for each in self._sales.added() if each[1].day == day]
        return [*kept[1], *self._numbered(day, _ADDED, added)] if added else kept[1]

    @staticmethod
    def _numbered(
        day: int, start: int, receipts: list[tuple[int, SandboxReceipt]]
    ) -> Iterator[tuple[int, int, SandboxReceipt]]:
        base = (day - _FIRST_DAY) * _A_DAY + start
        yield from ((base + place, *each) for place, each in enumerate(receipts))

    def _row(
        self, number: int, client_id: int, receipt: SandboxReceipt, clients: "Clients", with_history: bool
    ) -> dict[str, Any]:
        client = clients.row(client_id) or {}
        closed = int(receipt.closed_at.timestamp() * 1000)
        opened = closed - 45 * _MINUTE
        is_closed = receipt.status == 2
        cash = receipt.revenue - receipt.card - receipt.certificate - receipt.third_party
        paid = receipt.revenue + (receipt.bonuses if self.disputes.payed_sum == "with_bonuses" else 0)
        row: dict[str, Any] = {
            "transaction_id": str(number),
            "date_start": str(opened),
            "date_close": str(closed) if is_closed else "0",
            "status": str(receipt.status),
            "spot_id": "1",
            "table_id": "1",
            "user_id": str(receipt.waiter),
            "name": WAITERS[(receipt.waiter - 1) % len(WAITERS)],
            "client_id": str(client_id),
            "client_firstname": client.get("firstname"),
            "client_lastname": client.get("lastname"),
            "client_phone": client.get("phone"),
            "card_number": client.get("card_number"),
            "sum": str(receipt.total),
            "payed_sum": str(paid),
            "payed_cash": str(cash),
            "payed_card": str(receipt.card),
            "payed_cert": str(receipt.certificate),
            "payed_bonus": str(receipt.bonuses),
            "payed_third_party": str(receipt.third_party),
            # Every sample has 3 with all money in cash.
            "pay_type": "3" if cash else "2" if receipt.card else "1",
            "discount": "0",
            "bonus": receipt.percent,
            "tip_sum": "0",
            "round_sum": "0",
            "print_fiscal": "0",
            "reason": "",
        }
        if with_history:
            history = _history(receipt, client_id, opened, closed)
            row["history"] = [
                each for each in history if self.disputes.prints or each["type_history"] != "print"
            ]
        return row


def _history(receipt: SandboxReceipt, client_id: int, opened: int, closed: int) -> list[dict[str, Any]]:
    """Return what happened to a receipt, the oldest first."""
    printed = closed + 2_100 if not receipt.history else closed - 5 * _MINUTE
    set_at = {"late": [closed - 2 * _MINUTE], "late_twice": [closed - 2 * _MINUTE, closed - _MINUTE]}
    events = [
        (opened, "open", receipt.waiter),
        (opened + 30_000, "additem", 1),
        (printed, "print", receipt.waiter),
        *(
            (at, "setclient", client_id)
            for at in set_at.get(receipt.history, [opened + _MINUTE])
            if client_id
        ),
        *([(closed, "close", 0)] if receipt.status == 2 else ()),
    ]
    return [
        {"type_history": kind, "time": str(at), "value": str(value), "value2": "0"}
        for at, kind, value in sorted(events)
    ]
