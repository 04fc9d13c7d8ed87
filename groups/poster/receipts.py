"""Define the records of receipts, and parse them from Poster's wire format.

In the wire format money is in kopecks, times are milliseconds since 1970, and `bonus` is a percent. Of
`payed_sum` it is disputed whether bonuses are in it, so the parts of what was paid are read instead.

Who bought what is personal data, so the `repr` of the records, and with it any traceback, has the ids alone.

Source: the Poster API documentation, section dash (statistics).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from groups.poster.fields import UnreadableRow, label, read_given, read_integer, read_money, read_percent

CLOSED = 2

type ReceiptsOf = tuple[Literal["clients", "waiters", "spots"], int]
"""One client, waiter or place, by id, to read the receipts of that one alone."""
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """A receipt; `closed_at` is None unless it is closed, and then nothing else but the id was read.

    Money is in hryvnia. `client_id` is 0 without a client. `total` is the sum before discounts, None if it
    cannot be read. `percent` is that of the bonuses that the client gets, and `granted_sum` their sum where
    Poster says that instead. One with a `problem` could not be read; its `closed_at` is None if not even that
    could be.

    `waiter_id` is 0 where it is unknown.
    """

    id: int
    closed_at: datetime | None = None
    client_id: int = 0
    total: Decimal | None = None
    cash: Decimal = Decimal(0)
    card: Decimal = Decimal(0)
    certificate: Decimal = Decimal(0)
    third_party: Decimal = Decimal(0)
    bonuses: Decimal = Decimal(0)
    percent: Decimal = Decimal(0)
    granted_sum: Decimal | None = None
    waiter_id: int = 0
    spot_id: int = 0
    waiter_name: str = ""
    problem: str = ""

    def __repr__(self) -> str:
        return f"<Receipt {self.id}>"

    @property
    def revenue(self) -> Decimal:
        return self.cash + self.card + self.certificate + self.third_party

    @property
    def discount(self) -> Decimal | None:
        return None if self.total is None else max(Decimal(0), self.total - self.revenue - self.bonuses)

    @property
    def is_in_cash(self) -> bool:
        """True if nothing was paid but cash; Poster's `pay_type` is doubtful."""
        return self.cash > 0 and not any((self.card, self.certificate, self.third_party, self.bonuses))

    @property
    def granted(self) -> Decimal:
        """The bonuses that the client gets for it, unrounded: an estimate, unless Poster says the sum."""
        if self.granted_sum is not None:
            return self.granted_sum
        return self.percent * (self.cash + self.card) / 100

    @property
    def given(self) -> Decimal | None:
        """Bonuses and discounts given away: an estimate. None where the sum cannot be read."""
        return None if self.discount is None else self.granted + self.discount

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any], *, bonus_is_money: bool = False) -> Self:
        number, status = _read_number(row), read_integer(row, "status")
        if status != CLOSED:
            return cls(number)
        paid = [read_given(read_money, row, name, Decimal(0)) for name in _PARTS]
        client_id = read_given(read_integer, row, "client_id", 0)
        total, waiter_id, spot_id = None, 0, 0
        with suppress(UnreadableRow):
            total = read_money(row, "sum")
        with suppress(UnreadableRow):
            waiter_id = read_integer(row, "user_id")
        with suppress(UnreadableRow):
            spot_id = read_integer(row, "spot_id")
        return cls(
            id=number,
            closed_at=_read_time(row, "date_close"),
            client_id=client_id,
            total=total,
            cash=paid[0],
            card=paid[1],
            certificate=paid[2],
            third_party=paid[3],
            bonuses=paid[4],
            percent=Decimal(0) if bonus_is_money else read_given(read_percent, row, "bonus", Decimal(0)),
            granted_sum=read_given(read_money, row, "bonus", Decimal(0)) if bonus_is_money else None,
            waiter_id=waiter_id,
            spot_id=spot_id,
            waiter_name=label(row.get("name")),
        )


_PARTS = ("payed_cash", "payed_card", "payed_cert", "payed_third_party", "payed_bonus")


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One page of dash.getTransactions in Poster's order, with the receipts that could not be read."""

    receipts: tuple[Receipt, ...] = ()

    @property
    def unreadable(self) -> tuple[Receipt, ...]:
        return tuple(receipt for receipt in self.receipts if receipt.problem)

    @classmethod
    def from_wire(cls, rows: list[Any], *, bonus_is_money: bool = False) -> Self:
        return cls(tuple(_parse(row, bonus_is_money=bonus_is_money) for row in rows))


def _parse(row: object, *, bonus_is_money: bool) -> Receipt:
    if not isinstance(row, Mapping):
        return Receipt(0, problem="not an object")
    try:
        return Receipt.from_wire(row, bonus_is_money=bonus_is_money)
    except UnreadableRow as error:
        number, closed_at = 0, None
        with suppress(UnreadableRow):
            number = _read_number(row)
            closed_at = _read_time(row, "date_close")
        return Receipt(number, closed_at, problem=error.problem)


def _read_number(row: Mapping[Any, Any]) -> int:
    if number := read_integer(row, "transaction_id"):
        return number
    raise UnreadableRow("transaction_id is 0")


def _read_time(row: Mapping[Any, Any], field: str) -> datetime:
    seconds = read_integer(row, field) // 1000
    with suppress(ValueError, OverflowError, OSError):
        time = datetime.fromtimestamp(seconds, UTC)
        if _FIRST_YEAR <= time.year < _LAST_YEAR:
            return time
    raise UnreadableRow(f"{field} is no time")
