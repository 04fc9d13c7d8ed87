"""Read the lines of a list, and find the clients that they name by phone, card or id.

All clients of the account are read once, whatever the length of the list. A call for each line would be fewer
calls only while there are fewer lines than pages of clients, and it proves little: Poster finds nobody by a
card, and nobody by a phone that is stored in another spelling.
"""

import csv
import re
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.bulk.files import tables
from groups.features.bulk.files.read_workbook import COLUMNS_AT_MOST, LONGEST_CELL
from groups.features.bulk.files.schemes import is_scheme
from groups.models import PosterCredentials
from groups.poster import Client
from groups.poster.fields import fold, whole_number
from groups.presenters.clients import phone_digits, whole_numbers
from groups.services.clients import COUNTED_AT_ONCE, SECONDS_FOR_ALL, pages_of

LINES_AT_MOST = 2_000
NO_COLUMN = "no column"
BYTES_AT_MOST = 2 * 1024 * 1024
_line_end = re.compile("\r\n|\r|\n")
_between_cells = re.compile(f"[{tables.DELIMITERS}]")
_gaps = re.compile(r"[\s\-–—]+")
_card = re.compile(r"(?=\w*\d)\w+")


class LineState(TextChoices):
    """The result for a line; `found` alone is moved."""

    FOUND = "found", gettext_lazy("will be moved")
    THERE = "there", gettext_lazy("in the group already")
    AMBIGUOUS = "ambiguous", gettext_lazy("fits several")
    UNKNOWN = "unknown", gettext_lazy("unknown")
    UNREADABLE = "unreadable", gettext_lazy("no phone, card or id")
    DOUBLE = "double", gettext_lazy("twice")


type Key = tuple[str, str]
"""One number by which a client is found: of a `phone`, a `card` or an `id`."""


def keys_of(text: str, *kinds: str) -> frozenset[Key]:
    """Return what a cell may be the number of; a card without its gaps, in one case."""
    card, found = _gaps.sub("", text).casefold(), set[Key]()
    if "phone" in kinds:
        found.update(("phone", number) for number in whole_numbers(phone_digits(text)))
    if "card" in kinds and _card.fullmatch(card):
        found.add(("card", card))
    if "id" in kinds and (number := whole_number(text)):
        found.add(("id", str(number)))
    return frozenset(found)


@dataclass(frozen=True, slots=True, repr=False)
class ListLine:
    """A line of a list, from 1, as it was typed, and what each of its cells may name a client by."""

    number: int
    text: str
    words: tuple[frozenset[Key], ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class LineResult:
    """A line and its result: the `clients` that it fits, and the `first_line` that named the same one."""

    line: ListLine
    state: LineState
    clients: tuple[Client, ...] = ()
    first_line: int = 0


# --- Read the lines -----------------------------------------------------------------------------------------


# The columns in the languages of the dashboard, and of Poster's own exports.
COLUMNS = {
    **dict.fromkeys(("телефон", "phone"), "phone"),
    **dict.fromkeys(("картка", "карта", "card"), "card"),
    "id": "id",
}


def has_groups(name: str, content: bytes) -> bool:
    """Return True for a scheme, and for a table that has values of groups, but no phones or cards."""
    if is_scheme(name, content):
        return True
    known = COLUMNS.keys() | tables.column_names().keys()
    with suppress(tables.NotReadable):
        header = list(map(fold, next(iter(tables.read_table(content, known).values()))))
        clients = {"phone", "card"} & {COLUMNS.get(cell) for cell in header}
        return not clients and any(tables.column_names().get(cell) in tables.VALUES for cell in header)
    return False


def lines_of_text(text: str, *, numbers: bool = False) -> list[ListLine]:
    """Return the lines of a text that are not blank, numbered from 1.

    With `numbers`, what no header names may be the number of a client too. Raises `NotReadable`.
    """
    rows = [(number, row.strip()) for number, row in enumerate(_line_end.split(text), 1) if row.strip()]
    if not rows:
        return []
    delimiter = max(tables.DELIMITERS, key=lambda each: tables.count_known(_cells(rows[0][1], each), COLUMNS))
    # One more than a header and the lines, which is refused; the others need not be read for that.
    rows = rows[: LINES_AT_MOST + 2]
    return _lines_of([(number, row, _cells(row, delimiter)) for number, row in rows], numbers)


def lines_of_file(content: bytes, *, numbers: bool = False) -> list[ListLine]:
    rows = tables.read_table(content, COLUMNS).items()
    return _lines_of([(number, "; ".join(filter(None, row)), row) for number, row in rows], numbers)


def _lines_of(rows: Sequence[tuple[int, str, Sequence[str]]], numbers: bool) -> list[ListLine]:
    for number, _text, cells in rows:
        if any(len(cell) > LONGEST_CELL for cell in cells):
            raise tables.NotReadable(_("Line %(line)s has a cell that is too long.") % {"line": number})
    header = rows[0][2]
    has_header = tables.count_known(header, COLUMNS) > 0
    if not has_header and not any(map(str.isdecimal, "".join(header))):
        raise tables.NotReadable(
            _(
                "The first line names no column that is known. Name the columns Phone, Card or ID, or take "
                "this line out."
            ),
            NO_COLUMN,
        )
    if len(rows) - has_header > LINES_AT_MOST:
        raise tables.NotReadable(
            _("The list has more than %(count)s lines. Split it into smaller ones.")
            % {"count": number_format(LINES_AT_MOST, 0, force_grouping=True)}
        )
    # Without a header each part of a cell may be of any kind.
    columns = [COLUMNS.get(fold(name)) for name in header] if has_header else None
    kinds = ("phone", "card", "id") if numbers else ("phone", "card")
    lines = []
    for number, text, row in rows[has_header:]:
        cells = ["" if isinstance(cell, tables.Formula) else cell for cell in row]
        if columns is None:
            words = [keys_of(part.strip(), *kinds) for cell in cells for part in _between_cells.split(cell)]
        else:
            words = [keys_of(cell, kind) for kind, cell in zip(columns, cells, strict=False) if kind]
        lines.append(ListLine(number, text, tuple(filter(None, words))))
    return lines


def _cells(row: str, delimiter: str) -> list[str]:
    """Split a row of a text; a quote that is never closed reaches no other row."""
    try:
        cells = next(csv.reader([row], delimiter=delimiter), [])
    except csv.Error:
        cells = row.split(delimiter)
    return [cell.strip() for cell in cells[:COLUMNS_AT_MOST]]


# --- Find the named clients ---------------------------------------------------------------------------------


def look_up(
    credentials: PosterCredentials, lines: Sequence[ListLine], group_ids: Collection[int], target_id: int
) -> tuple[list[LineResult], int]:
    """Return the result of each line, and the number of clients who could not be read, or cannot be moved.

    A client in no group, or in one that is not among `group_ids`, cannot be moved. Removed ones do not count.
    The first word of a line counts; a later one that fits another client makes the line ambiguous. Raises
    `PosterError`, among them `Unreachable` if it takes longer than SECONDS_FOR_ALL.
    """
    wanted = frozenset[Key]().union(*(word for line in lines for word in line.words))
    found: dict[int, Client] = {}
    fitting: dict[Key, set[int]] = {}
    unreadable, until = 0, time.monotonic() + SECONDS_FOR_ALL
    for page in pages_of(credentials, None, until=until, size=COUNTED_AT_ONCE) if wanted else ():
        unreadable += len(page.unreadable)
        for client in page.clients:
            keys = keys_of(client.phone, "phone") | keys_of(client.card_number, "card")
            keys = wanted & (keys | {("id", str(client.id))})
            if keys and not client.removed:
                unreadable += client.group_id not in group_ids
                found[client.id] = client
                for key in keys:
                    fitting.setdefault(key, set()).add(client.id)

    first_lines: dict[int, int] = {}
    results = []
    for line in lines:
        fits = [set[int]().union(*(fitting.get(key, ()) for key in word)) for word in line.words]
        clients = tuple(found[each] for each in sorted(set[int]().union(*fits)))
        if not line.words:
            results.append(LineResult(line, LineState.UNREADABLE))
        elif len(clients) > 1:
            results.append(LineResult(line, LineState.AMBIGUOUS, clients))
        elif not fits[0] or clients[0].group_id not in group_ids:
            results.append(LineResult(line, LineState.UNKNOWN))
        elif (first := first_lines.setdefault(clients[0].id, line.number)) != line.number:
            results.append(LineResult(line, LineState.DOUBLE, clients, first))
        else:
            is_there = clients[0].group_id == target_id
            results.append(LineResult(line, LineState.THERE if is_there else LineState.FOUND, clients))
    return results, unreadable
