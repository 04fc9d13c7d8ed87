"""Read the lines of a list: a text, one client a line or in columns, or a CSV or XLSX file."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from groups.features.bulk.spreadsheets import Formula
from groups.features.bulk.spreadsheets.reader import DELIMITERS, NotReadable, read_table
from groups.features.client_lists.services import Line, Word
from groups.poster.fields import fold

LINES_AT_MOST = 2_000
BYTES_AT_MOST = 2 * 1024 * 1024
# The columns in the languages of the dashboard, and of Poster's own exports.
COLUMNS: dict[str, Callable[[str], Word]] = {
    **dict.fromkeys(("телефон", "phone"), Word.of_phone),
    **dict.fromkeys(("картка", "карта", "card"), Word.of_card),
    "id": Word.of_id,
}
_line_end = re.compile("\r\n|\r|\n")
_between_cells = re.compile(f"[{DELIMITERS}]")


def lines_of_text(text: str) -> list[Line]:
    """Return the lines of a text that are not blank, numbered from 1. Raises `NotReadable`."""
    rows = [(number, row) for number, row in enumerate(_line_end.split(text), 1) if row.strip()]
    if not rows:
        return []
    first = rows[0][1]
    delimiter = max(DELIMITERS, key=lambda each: _count_columns(_cells(first, each)))
    header = _cells(first, delimiter)
    if not _count_columns(header):
        return _checked(Line(number, row.strip(), _words_of_any([row])) for number, row in rows)
    return _checked(
        Line(number, row.strip(), _words_of_columns(header, _cells(row, delimiter)))
        for number, row in rows[1:]
    )


def lines_of_file(content: bytes) -> list[Line]:
    """Return the lines of a file with the numbers of its rows. Raises `NotReadable`."""
    table = read_table(content, _count_columns)
    if not _count_columns(table.header):
        rows = {table.first_row: table.header, **table.rows}
        return _checked(Line(number, _text_of(cells), _words_of_any(cells)) for number, cells in rows.items())
    return _checked(
        Line(number, _text_of(cells), _words_of_columns(table.header, cells))
        for number, cells in table.rows.items()
    )


def _checked(lines: Iterable[Line]) -> list[Line]:
    found = list(lines)
    if len(found) > LINES_AT_MOST:
        raise NotReadable(
            _("The list has more than %(count)s lines. Split it into smaller ones.")
            % {"count": number_format(LINES_AT_MOST, 0, force_grouping=True)}
        )
    return found


def _count_columns(cells: Iterable[str]) -> int:
    return sum(fold(cell) in COLUMNS for cell in cells)


def _words_of_columns(header: Sequence[str], cells: Sequence[str]) -> tuple[Word, ...]:
    """Return the words in the columns that name a client; the others are not read."""
    pairs = zip(header, cells, strict=False)
    words = (
        COLUMNS[fold(name)](cell)
        for name, cell in pairs
        if fold(name) in COLUMNS and not isinstance(cell, Formula)
    )
    return tuple(word for word in words if word)


def _words_of_any(cells: Iterable[str]) -> tuple[Word, ...]:
    """Return the words of cells without a header, which may be of any kind."""
    texts = (text for cell in cells if not isinstance(cell, Formula) for text in _between_cells.split(cell))
    words = (Word.of_any(text.strip()) for text in texts)
    return tuple(word for word in words if word)


def _cells(row: str, delimiter: str) -> list[str]:
    """Split a row of a text; a quote that is never closed reaches no other row."""
    try:
        return [cell.strip() for cell in next(csv.reader([row], delimiter=delimiter), [])]
    except csv.Error:
        return [cell.strip() for cell in row.split(delimiter)]


def _text_of(cells: Iterable[str]) -> str:
    return "; ".join(filter(None, cells))
