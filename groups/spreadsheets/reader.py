"""Read the rows of a CSV or XLSX file as text, independent of the program that wrote it.

A file comes from outside: nothing in it is executed, and no file can take more memory or time than a small
one. The meaning of the cells is left to the caller.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

ROWS_AT_MOST = 5000
COLUMNS_AT_MOST = 50
LONGEST_CELL = 1000
# Empty rows count too: a workbook may name a row far below.
LAST_ROW = 20_000
UNPACKED_AT_MOST = 16 * 1024 * 1024
PARTS_AT_MOST = 200
DELIMITERS = ";,\t"
# Finds text that a spreadsheet takes for the start of a formula (OWASP: CSV injection): at the start of a
# cell, and after a delimiter in it. Quotes do not help if the spreadsheet uses another delimiter than the
# file: it then sees the quotes in the middle of a cell.
FORMULA_START = r"(^'*|[;,\r\n][\"']*){mark}(?=[=+\-@\t\r])"
_unmarked = re.compile(FORMULA_START.format(mark=""))
_marked = re.compile(FORMULA_START.format(mark="'"))
_literal = re.compile(r'"[^"]*"|\\.')
ZIP = b"PK\x03\x04"
# Workbooks from before 2007, and those with a password.
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
# Entities are declared below this, in each encoding that the parser reads by itself.
DOCTYPES = tuple("<!DOCTYPE".encode(each) for each in ("utf-8", "utf-16-le", "utf-16-be"))
STEP = 64 * 1024
LARGE = Decimal(10) ** 12


class NotReadable(ValidationError):
    """The file is not a readable table; the message says why."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The first row of a file, and the non-empty rows below it by their numbers in the file."""

    header: tuple[str, ...]
    rows: dict[int, tuple[str, ...]] = field(default_factory=dict)


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
    return _collect(_records(_text_of(content), score))


def _collect(rows: Iterable[tuple[str, ...]]) -> Table:
    """Keep the rows that are not empty."""
    header: tuple[str, ...] | None = None
    found: dict[int, tuple[str, ...]] = {}
    for number, row in enumerate(rows, 1):
        if number > LAST_ROW:
            raise NotReadable(
                _("The table goes on below line %(line)s. Take out its empty lines.") % {"line": LAST_ROW}
            )
        if any(len(cell) > LONGEST_CELL for cell in row):
            raise NotReadable(_("Line %(line)s has a cell that is too long.") % {"line": number})
        if not any(row):
            continue
        if header is None:
            header = row
            continue
        if len(found) == ROWS_AT_MOST:
            raise NotReadable(
                _("The file has more than %(count)s lines. Split it into smaller ones.")
                % {"count": ROWS_AT_MOST}
            )
        found[number] = row
    if header is None:
        raise NotReadable(_("The file is empty."))
    return Table(header, found)


# --- CSV ---------------------------------------------------------------------------------------------------


def _text_of(content: bytes) -> str:
    text = None
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    if text is None or "\0" in text:
        raise NotReadable(_("This is neither an XLSX nor a CSV file. Save the table as one of these."))
    return text


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
            yield tuple(_unprotected(cell) for cell in record[:COLUMNS_AT_MOST])
    except (csv.Error, ValueError, TypeError):
        raise NotReadable(
            _("The lines of this CSV file cannot be told apart. Save the table anew.")
        ) from None


def protected(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula."""
    return _unmarked.sub(r"\1'", text)


def _unprotected(cell: str) -> str:
    """Return the text of a CSV cell as it was before `protected`."""
    if cell.startswith("="):
        return Formula(cell)
    return _marked.sub(r"\1", cell).strip()


# --- XLSX --------------------------------------------------------------------------------------------------


def _workbook_rows(content: bytes) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the first sheet of a workbook."""
    from groups.spreadsheets import workbooks  # noqa: PLC0415 - see there

    try:
        sheet = workbooks.first_sheet(_unpacked(content))
        # Ignore the size stored in the sheet: if it is wrong, rows would be missing.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_col=COLUMNS_AT_MOST):
            yield tuple(_text(cell) for cell in row)
    except NotReadable:
        raise
    except Exception as error:
        # A damaged file can raise almost any exception.
        raise NotReadable(
            _(
                "This XLSX file cannot be read. Open it in a spreadsheet program and save it anew, "
                "or save it as CSV."
            )
        ) from error


def _unpacked(content: bytes) -> io.BytesIO:
    """Return a workbook with its parts unpacked, step by step: their declared sizes may be false."""
    unpacked, left = io.BytesIO(), UNPACKED_AT_MOST
    with zipfile.ZipFile(io.BytesIO(content)) as packed, zipfile.ZipFile(unpacked, "w") as plain:
        for number, part in enumerate(packed.infolist()):
            data = bytearray()
            with packed.open(part) as source:
                while left >= 0 and (step := source.read(STEP)):
                    data += step
                    left -= len(step)
            if left < 0 or number >= PARTS_AT_MOST:
                raise NotReadable(_("This XLSX file is too large. Save only the table, in a new workbook."))
            if any(doctype in data for doctype in DOCTYPES):
                raise NotReadable(_("This XLSX file has something in it that no spreadsheet program writes."))
            plain.writestr(part.filename, bytes(data))
    return unpacked


def _text(cell: Any) -> str:
    """Return the text of a cell as somebody would type it."""
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case int() | float() | Decimal():
            return _number(
                Decimal(repr(value)) if isinstance(value, float) else Decimal(value), cell.number_format
            )
        case datetime() | date():
            return value.isoformat()
    text = str(value).strip()
    return Formula(text) if cell.data_type in "ef" else text


def _number(number: Decimal, number_format: str) -> str:
    if "%" in _literal.sub("", number_format or ""):
        # A cell that shows 12 % stores 0.12, unless the sign is only a text beside the number.
        return f"{_rounded(number * 100):f}%"
    return f"{_rounded(number):f}"


def _rounded(number: Decimal) -> Decimal:
    """Return the number without the rounding error of a float: 0.07 times 100 is 7.000000000000001."""
    return round(number, 9).normalize() if number.is_finite() and abs(number) < LARGE else number
