"""Read the rows of a CSV or XLSX file as text, independent of the program that wrote it.

A file comes from outside: nothing in it is executed, and no file can take more memory or time than a small
one. The meaning of the cells is left to the caller.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from groups.features.bulk.files.read_workbook import (
    COLUMNS_AT_MOST,
    LAST_ROW,
    LONGEST_CELL,
    ROWS_AT_MOST,
    Damaged,
    TooLarge,
    rows_of,
)
from groups.poster.fields import storable
from groups.spreadsheets.exports import FORMULA_START

DELIMITERS = ";,\t"
_marked = re.compile(FORMULA_START.format(mark="'"))
ZIP = b"PK\x03\x04"
# Workbooks from before 2007, and those with a password.
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


type Row = tuple[int, tuple[str, ...]]
"""The number of a row in a file, from 1, and the texts of its cells."""


class NotReadable(ValidationError):
    """The file as a whole is not readable, or cannot be compared; the message says why."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The first row of a file, and the non-empty rows below it by their numbers in the file."""

    header: tuple[str, ...]
    rows: dict[int, tuple[str, ...]] = field(default_factory=dict)
    first_row: int = 1


type Score = Callable[[Iterable[str]], int]


def read_table(content: bytes, score: Score) -> Table:
    """Return the table in a file.

    `score` counts the cells that are names of columns: the delimiter of a CSV is the one with the highest
    score. Raises `NotReadable`.
    """
    if content.startswith(OLE):
        raise NotReadable(
            _(
                "This is a workbook of an old kind, or one with a password. "
                "Save it as XLSX without a password, or as CSV."
            )
        )
    if content.startswith(ZIP):
        return _collect(_workbook_rows(content))
    for encoding in ("utf-8-sig", "cp1251"):
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            if "\0" not in text:
                return _collect(enumerate(_records(text, score), 1))
            break
    raise NotReadable(_("This is neither an XLSX nor a CSV file. Save the table as one of these."))


def _collect(rows: Iterable[Row]) -> Table:
    """Keep the rows that are not empty."""
    header: tuple[str, ...] | None = None
    first_row = 1
    found: dict[int, tuple[str, ...]] = {}
    for number, row in rows:
        if number > LAST_ROW:
            words = _("The table goes on below line %(line)s. Take out its empty lines.")
            raise NotReadable(words % {"line": LAST_ROW})
        if any(len(cell) > LONGEST_CELL for cell in row):
            raise NotReadable(_("Line %(line)s has a cell that is too long.") % {"line": number})
        if not any(row):
            continue
        if header is None:
            header, first_row = row, number
            continue
        if len(found) == ROWS_AT_MOST:
            words = _("The file has more than %(count)s lines. Split it into smaller ones.")
            raise NotReadable(words % {"count": ROWS_AT_MOST})
        found[number] = row
    if header is None:
        raise NotReadable(_("The file is empty."))
    return Table(header, found, first_row)


# --- CSV ---------------------------------------------------------------------------------------------------


def _records(text: str, score: Score) -> Iterator[tuple[str, ...]]:
    """Yield the records of a CSV; its delimiter is the one that yields the most column names."""
    first, _newline, rest = text.partition("\n")
    if first.startswith("sep="):
        # Excel's own `sep=` line, which it does not count.
        text, delimiters = rest, first[4:5] or DELIMITERS
    else:
        delimiters = DELIMITERS
    delimiter = max(delimiters, key=lambda each: score(next(_split(text, each), ())))
    yield from _split(text, delimiter)


def _split(text: str, delimiter: str) -> Iterator[tuple[str, ...]]:
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            # The texts as they were before `protected` marked those that look like formulas.
            yield tuple(
                Formula(cell) if cell.startswith("=") else _marked.sub(r"\1", cell).strip()
                for cell in record[:COLUMNS_AT_MOST]
            )
    except (csv.Error, ValueError, TypeError):
        words = _("The lines of this CSV file cannot be told apart. Save the table again.")
        raise NotReadable(words) from None


# --- XLSX --------------------------------------------------------------------------------------------------


def _workbook_rows(content: bytes) -> Iterator[Row]:
    """Yield the rows of the first sheet of a workbook."""
    try:
        rows = rows_of(content)
    except TooLarge:
        words = _(
            "This XLSX file takes too much memory or time to read. Save only the table, in a new workbook."
        )
        raise NotReadable(words) from None
    except Damaged:
        words = _(
            "This XLSX file cannot be read. Open it in a spreadsheet program and save it again, "
            "or save it as CSV."
        )
        raise NotReadable(words) from None
    for number, cells in rows:
        yield number, tuple(Formula("=") if cell is None else storable(cell).strip() for cell in cells)
