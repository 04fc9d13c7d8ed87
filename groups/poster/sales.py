"""Define the records of sales, and parse them from Poster's wire format.

In the wire format all sums are kopecks, except `middle_invoice`, which is in hryvnia and is not read. The
number of receipts is `clients`; one sample of the documentation has `clienst`. Values are strings in the
samples, and JSON numbers are read too. The names in a row are not read: sums need no names.

The sums of a client are personal data, so the `repr` of the records, and with it any traceback, has none.

Source: the Poster API documentation, section dash (statistics).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from groups.poster.fields import UnreadableRow, read_id, read_integer, read_money, readable, sort_out

CUT = 1_000
"""A list with exactly so many rows may have been cut."""
_NOBODY = "0"
"""The `client_id` of sales to nobody known, should Poster list them: they are in no group."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientSales:
    """The sales to one client in a period.

    `total` is the sum of the orders before discounts, `revenue` the sum that was paid; both are in hryvnia,
    and negative if more came back than was bought. `receipts` is the number of receipts.
    """

    id: int
    total: Decimal
    revenue: Decimal
    receipts: int

    def __repr__(self) -> str:
        return f"<ClientSales {self.id}>"

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any]) -> Self:
        """Parse one row of a response. Raises `UnreadableRow` if a number cannot be read."""
        counted = "clients" if row.get("clients") is not None else "clienst"
        return cls(
            id=read_id(row, "client_id"),
            total=read_money(row, "sum"),
            revenue=read_money(row, "revenue"),
            receipts=read_integer(row, counted),
        )


@dataclass(frozen=True, slots=True)
class SalesList:
    """A response of dash.getClientsSales: the sales of each client, and the rows that could not be read.

    `size` is the number of all rows. `lost` counts the rows without a client that still have a name: somebody
    may lack that row.
    """

    sales: tuple[ClientSales, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    size: int = field(default=0, compare=False)
    lost: int = field(default=0, compare=False)

    @property
    def may_be_cut(self) -> bool:
        return self.size == CUT

    @classmethod
    def from_wire(cls, rows: list[Any]) -> Self:
        """Parse the rows of a response; collect those that cannot be read, and leave out nobody's sales."""
        known, lost = [], 0
        for row in rows:
            if not isinstance(row, Mapping) or str(row.get("client_id")) != _NOBODY:
                known.append(row)
            else:
                names = (str(row.get(name) or "").strip() for name in ("firstname", "lastname"))
                lost += any(name not in ("", _NOBODY) for name in names)
        return cls(*sort_out(readable(ClientSales.from_wire, known, "client_id")), len(rows), lost)
