"""Read and write tables as CSV and XLSX."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

type Cells = Sequence[str | int | Decimal | date | None]
"""One row of a table to be written."""
