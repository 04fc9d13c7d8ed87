"""The answers of dash.getTransactions: the receipts of an account, row by row and page by page.

Much of what is known of them is disputed, so each such point has values: see `POINTS`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox.accounts import validation
from poster_admin.devtools.sandbox.accounts.disputes import Disputes
from poster_admin.devtools.sandbox.accounts.sales import WAITERS, SandboxReceipt, SandboxSales, granted

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.accounts.clients import Clients

_ZONE, _OTHER_ZONE = ZoneInfo("Europe/Kyiv"), ZoneInfo("Asia/Tbilisi")
_FIRST_DAY = date(2015, 1, 1).toordinal()
# Numbers of receipts that a day has; the upper half is for those that were added.
_A_DAY, _ADDED = 100_000, 60_000
_DAYS_KEPT = 40
_MINUTE = 60_000
_MIXES = 2_654_435_761


class Receipts:
    """The receipts of one account, guarded by the lock of the account."""

    def __init__(self, sales: SandboxSales) -> None:
        self._sales = sales
        self._days: dict[int, tuple[Any, list[tuple[int, int, SandboxReceipt]]]] = {}

    def rows(self, query: Mapping[str, str], clients: "Clients", disputes: Disputes) -> list[dict[str, Any]]:
        """Return one page of the receipts that are requested."""
        today = datetime.now(_ZONE).date()
        last = min(validation.day(query, "dateTo") or today, today).toordinal()
        first = (validation.day(query, "dateFrom") or date.fromordinal(last)).toordinal()
        status, cursor = validation.whole(query, "status") or 0, validation.whole(query, "next_tr")
        order = disputes["receipts.order"]
        after = before = None
        match disputes["receipts.cursor"]:
            case "after" if cursor is not None:
                after, order = cursor, "ascending"
            case "before" if cursor is not None:
                before, order = cursor, "descending"
        if disputes["receipts.days"] == "lost" and after is not None:
            first, last = max(after // _A_DAY + _FIRST_DAY - 1, _FIRST_DAY), today.toordinal()
        if disputes["receipts.days"] == "lost" and before is not None:
            first, last = _FIRST_DAY, min(before // _A_DAY + _FIRST_DAY + 1, today.toordinal())
        whose, whose_id = query.get("type"), validation.whole(query, "id")

        def asked_for() -> Iterator[tuple[int, int, SandboxReceipt]]:
            days = range(first - 1, last + 2)
            for day in reversed(days) if order == "descending" else days:
                of_day = self._of_day(day, clients)
                of_day = of_day[bisect_right(of_day, after or 0, key=itemgetter(0)) :]
                for each in reversed(of_day) if order == "descending" else of_day:
                    number, client_id, receipt = each
                    own = {"clients": client_id, "waiters": receipt.waiter, "spots": receipt.spot}
                    if (
                        status in (0, receipt.status)
                        and own.get(whose or "", whose_id) == whose_id
                        and (before is None or number < before)
                        and first <= _business_day(receipt, disputes) <= last
                    ):
                        yield each

        found = asked_for()
        if order == "mixed":
            found = iter(sorted(found, key=lambda each: each[0] * _MIXES % 2**32))
        with_history = query.get("include_history") == "true"
        page = islice(found, disputes.number("receipts.page"))
        return [_row(*each, clients, disputes, with_history=with_history) for each in page]

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


def _business_day(receipt: SandboxReceipt, disputes: Disputes) -> int:
    hours, minutes = map(int, disputes["receipts.closing"].split(":"))
    ends = hours * 60 + minutes
    is_same = disputes["clock.zone"] == "same"
    if is_same and ends <= receipt.minute < 23 * 60:
        return receipt.day
    closed_at = receipt.closed_at.astimezone(_ZONE if is_same else _OTHER_ZONE)
    return (closed_at - timedelta(minutes=ends)).date().toordinal()


def _row(
    number: int,
    client_id: int,
    receipt: SandboxReceipt,
    clients: "Clients",
    disputes: Disputes,
    *,
    with_history: bool,
) -> dict[str, Any]:
    client = clients.row(client_id) or {}
    closed = int(receipt.closed_at.timestamp() * 1000)
    opened = closed - 45 * _MINUTE
    is_closed = receipt.status == 2
    cash = receipt.revenue - receipt.card - receipt.certificate - receipt.third_party
    paid = receipt.revenue + (receipt.bonuses if disputes["receipts.paid"] == "with-bonuses" else 0)
    row: dict[str, Any] = {
        "transaction_id": str(number),
        "date_start": str(opened),
        "date_close": str(closed) if is_closed else "0",
        "status": str(receipt.status),
        "spot_id": str(receipt.spot),
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
        "bonus": receipt.percent
        if disputes["receipts.bonus"] == "percent"
        else str(granted(cash + receipt.card, receipt.percent)),
        "tip_sum": "0",
        "round_sum": "0",
        "print_fiscal": "0",
        "reason": "",
    }
    if with_history:
        row["history"] = _history(receipt, client_id, opened, closed, disputes["receipts.history"].split(","))
    return row


def _history(
    receipt: SandboxReceipt, client_id: int, opened: int, closed: int, kinds: list[str]
) -> list[dict[str, Any]]:
    """Return what happened to a receipt, the oldest first; of the bill without its kind nothing."""
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
        if kind == "close" or kind in kinds
    ]
