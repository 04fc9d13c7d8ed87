"""Read and write tables as CSV and XLSX."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

COLUMNS_AT_MOST = 50
LONGEST_CELL = 1000

type Cell = str | int | Decimal | date | None
"""The value of one cell of a table to be written."""

type Cells = Sequence[Cell]
"""One row of a table to be written."""

type Row = tuple[int, tuple[str, ...]]
"""The number of a row in a file, from 1, and the texts of its cells."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()
