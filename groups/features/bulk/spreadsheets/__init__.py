"""Read tables from CSV and XLSX."""

from groups.features.bulk.spreadsheets.read_workbook import COLUMNS_AT_MOST as COLUMNS_AT_MOST
from groups.features.bulk.spreadsheets.read_workbook import LAST_ROW as LAST_ROW
from groups.features.bulk.spreadsheets.read_workbook import LONGEST_CELL as LONGEST_CELL
from groups.features.bulk.spreadsheets.read_workbook import ROWS_AT_MOST as ROWS_AT_MOST

type Row = tuple[int, tuple[str, ...]]
"""The number of a row in a file, from 1, and the texts of its cells."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()
