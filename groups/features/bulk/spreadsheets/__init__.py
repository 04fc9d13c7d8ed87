"""Read tables from CSV and XLSX."""

COLUMNS_AT_MOST = 50
LONGEST_CELL = 1000

type Row = tuple[int, tuple[str, ...]]
"""The number of a row in a file, from 1, and the texts of its cells."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()
