"""Read the lines of a list: a text, one client a line or in columns, or a CSV or XLSX file."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from groups.features.bulk.files.read_workbook import COLUMNS_AT_MOST, LONGEST_CELL
from groups.features.bulk.files.tables import DELIMITERS, Formula, NotReadable, read_table
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


def lines_of_text(text: str, *, numbers: bool = False) -> list[Line]:
    """Return the lines of a text that are not blank, numbered from 1.

    With `numbers`, what no header names may be the number of a client too. Raises `NotReadable`.
    """
    rows = [(number, row.strip()) for number, row in enumerate(_line_end.split(text), 1) if row.strip()]
    if not rows:
        return []
    delimiter = max(DELIMITERS, key=lambda each: _count_columns(_cells(rows[0][1], each)))
    # One more than a header and the lines, which is refused; the others need not be read for that.
    rows = rows[: LINES_AT_MOST + 2]
    return _lines_of([(number, row, _cells(row, delimiter)) for number, row in rows], numbers)


def lines_of_file(content: bytes, *, numbers: bool = False) -> list[Line]:
    """Return the lines of a file with the numbers of its rows, as `lines_of_text` does."""
    table = read_table(content, _count_columns)
    rows = {table.first_row: table.header, **table.rows}
    return _lines_of([(number, "; ".join(filter(None, row)), row) for number, row in rows.items()], numbers)


def _lines_of(rows: Sequence[tuple[int, str, Sequence[str]]], numbers: bool) -> list[Line]:
    """Return the lines of rows, each with its number, its text and its cells."""
    for number, _text, cells in rows:
        if any(len(cell) > LONGEST_CELL for cell in cells):
            raise NotReadable(_("Line %(line)s has a cell that is too long.") % {"line": number})
    header = rows[0][2]
    has_header = _count_columns(header) > 0
    if not has_header and not any(map(str.isdecimal, "".join(header))):
        raise NotReadable(
            _(
                "The first line names no column that is known. Name the columns Phone, Card or ID, or take "
                "this line out."
            )
        )
    if len(rows) - has_header > LINES_AT_MOST:
        raise NotReadable(
            _("The list has more than %(count)s lines. Split it into smaller ones.")
            % {"count": number_format(LINES_AT_MOST, 0, force_grouping=True)}
        )
    return [
        Line(
            number,
            text,
            _words_of_columns(header, cells) if has_header else _words_of_any(cells, may_be_id=numbers),
        )
        for number, text, cells in rows[has_header:]
    ]


def _count_columns(cells: Iterable[str]) -> int:
    return sum(fold(cell[:LONGEST_CELL]) in COLUMNS for cell in cells)


def _words_of_columns(header: Sequence[str], cells: Sequence[str]) -> tuple[Word, ...]:
    """Return the words in the columns that name a client; the others are not read."""
    pairs = zip(header, cells, strict=False)
    words = (
        COLUMNS[fold(name)](cell)
        for name, cell in pairs
        if fold(name) in COLUMNS and not isinstance(cell, Formula)
    )
    return tuple(word for word in words if word)


def _words_of_any(cells: Iterable[str], *, may_be_id: bool) -> tuple[Word, ...]:
    """Return the words of cells without a header, which may be of any kind."""
    texts = (text for cell in cells if not isinstance(cell, Formula) for text in _between_cells.split(cell))
    words = (Word.of_any(text.strip(), may_be_id=may_be_id) for text in texts)
    return tuple(word for word in words if word)


def _cells(row: str, delimiter: str) -> list[str]:
    """Split a row of a text; a quote that is never closed reaches no other row."""
    try:
        cells = next(csv.reader([row], delimiter=delimiter), [])
    except csv.Error:
        cells = row.split(delimiter)
    return [cell.strip() for cell in cells[:COLUMNS_AT_MOST]]
