"""Write tables as CSV and XLSX."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

type Cell = str | int | Decimal | date | None
"""The value of one cell of a table to be written."""

type Cells = Sequence[Cell]
"""One row of a table to be written."""
