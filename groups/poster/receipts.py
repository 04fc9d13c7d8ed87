"""Define the records of receipts, and parse them from Poster's wire format.

All sums are kopecks. The sums of a client are personal data, so the `repr` of the records has none.

Source: the Poster API documentation, section dash (statistics), and what its public clients ask for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from groups.poster.fields import (
    UnreadableRow,
    is_told,
    read_id,
    read_integer,
    read_money,
    readable,
    sort_out,
)

PAGE = 100
"""Receipts of one answer at most: a list with so many may have been cut."""
_NOT_CLOSED = frozenset(("0", "1", "3", "4"))
"""The `status` of receipts that wait, are open, removed or called off: they are no sales."""
_WITHOUT_PAYMENT = 0
"""The `pay_type` of a receipt that was closed without payment."""
_BESIDE_MONEY = ("payed_bonus", "payed_cert", "payed_third_party", "tip_sum")


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """A closed receipt of a client.

    `total` is the sum before discounts, and `revenue` what `ClientSales.revenue` counts of it, in hryvnia.
    The latter is None where the receipt was not paid with money alone: how Poster counts bonuses,
    certificates, tips and gifts is published nowhere.
    """

    id: int
    client_id: int
    total: Decimal
    revenue: Decimal | None

    def __repr__(self) -> str:
        return f"<Receipt {self.id}>"

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any]) -> Self:
        """Parse one row of a response. Raises `UnreadableRow` if a number cannot be read."""
        paid, total = read_money(row, "payed_sum"), read_money(row, "sum")
        beside = [read_money(row, name) for name in _BESIDE_MONEY if is_told(row, name)]
        is_gift = is_told(row, "pay_type") and read_integer(row, "pay_type") == _WITHOUT_PAYMENT
        is_plain = not any(beside) and not is_gift and paid <= total
        return cls(
            id=read_integer(row, "transaction_id"),
            client_id=read_id(row, "client_id"),
            total=total,
            revenue=paid if is_plain else None,
        )


@dataclass(frozen=True, slots=True)
class ReceiptList:
    """A response of dash.getTransactions: the closed receipts, and the rows that could not be read.

    `size` is the number of all rows.
    """

    receipts: tuple[Receipt, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    size: int = field(default=0, compare=False)

    @classmethod
    def from_wire(cls, rows: list[Any]) -> Self:
        """Parse the rows of a response; collect those that cannot be read, and leave out those not closed."""
        # A row that does not say its status may be a sale.
        closed = [
            row for row in rows if not (isinstance(row, Mapping) and str(row.get("status")) in _NOT_CLOSED)
        ]
        return cls(*sort_out(readable(Receipt.from_wire, closed, "transaction_id")), len(rows))

    @property
    def is_whole(self) -> bool:
        """Return True if no receipt can lack in it."""
        return not self.unreadable and self.size < PAGE
