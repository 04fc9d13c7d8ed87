"""Read the lines of a list, and find the clients that they name by phone, card or id.

All clients of the account are read once, whatever the length of the list. A call for each line would be fewer
calls only while there are fewer lines than pages of clients, and it proves little: Poster finds nobody by a
card, and nobody by a phone that is stored in another spelling.
"""

import csv
import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import TextChoices
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.bulk.files.read_workbook import COLUMNS_AT_MOST, LONGEST_CELL
from groups.features.bulk.files.tables import DELIMITERS, Formula, NotReadable, read_table
from groups.models import PosterCredentials
from groups.poster import Client
from groups.poster.fields import fold, whole_number
from groups.presenters.clients import phone_digits, whole_numbers
from groups.services.clients import COUNTED_AT_ONCE, SECONDS_FOR_ALL, pages_of

LINES_AT_MOST = 2_000
BYTES_AT_MOST = 2 * 1024 * 1024
_line_end = re.compile("\r\n|\r|\n")
_between_cells = re.compile(f"[{DELIMITERS}]")
_gaps = re.compile(r"[\s\-–—]+")
_card = re.compile(r"(?=\w*\d)\w+")


class State(TextChoices):
    """The result for a line; `found` alone is moved."""

    FOUND = "found", gettext_lazy("will be moved")
    THERE = "there", gettext_lazy("in the group already")
    AMBIGUOUS = "ambiguous", gettext_lazy("fits several")
    UNKNOWN = "unknown", gettext_lazy("unknown")
    UNREADABLE = "unreadable", gettext_lazy("no phone, card or id")
    DOUBLE = "double", gettext_lazy("twice")


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """A cell of a line, as each thing that it may be: the numbers of a phone, a card, an id."""

    phones: tuple[str, ...] = ()
    card: str = ""
    id: int | None = None

    @classmethod
    def read(cls, text: str, *kinds: str) -> "Word":
        return cls(
            whole_numbers(phone_digits(text)) if "phone" in kinds else (),
            card_number(text) if "card" in kinds else "",
            (whole_number(text) or None) if "id" in kinds else None,
        )

    def __bool__(self) -> bool:
        return bool(self.phones or self.card or self.id)


def card_number(text: str) -> str:
    """Return the number of a card without its gaps, in one case; empty for a text that is none."""
    text = _gaps.sub("", text).casefold()
    return text if _card.fullmatch(text) else ""


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """A line of a list, from 1, as it was typed, and the words of its cells that may name a client."""

    number: int
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """A line and its result: the `clients` that it fits, and the `first_line` that named the same one."""

    line: Line
    state: State
    clients: tuple[Client, ...] = ()
    first_line: int = 0


# --- Read the lines -----------------------------------------------------------------------------------------


# The columns in the languages of the dashboard, and of Poster's own exports.
COLUMNS = {
    **dict.fromkeys(("телефон", "phone"), "phone"),
    **dict.fromkeys(("картка", "карта", "card"), "card"),
    "id": "id",
}


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
    kinds = [COLUMNS.get(fold(name)) for name in header] if has_header else None
    return [Line(number, text, _words_of(cells, kinds, numbers)) for number, text, cells in rows[has_header:]]


def _count_columns(cells: Iterable[str]) -> int:
    return sum(fold(cell[:LONGEST_CELL]) in COLUMNS for cell in cells)


def _words_of(cells: Sequence[str], columns: list[str | None] | None, numbers: bool) -> tuple[Word, ...]:
    """Read the cells in the columns that name a client; those without a header may be of any kind."""
    if columns is None:
        kinds = ("phone", "card", "id") if numbers else ("phone", "card")
        texts = (cell for cell in cells if not isinstance(cell, Formula))
        words = [Word.read(part.strip(), *kinds) for text in texts for part in _between_cells.split(text)]
    else:
        pairs = zip(columns, cells, strict=False)
        words = [Word.read(cell, kind) for kind, cell in pairs if kind and not isinstance(cell, Formula)]
    return tuple(filter(None, words))


def _cells(row: str, delimiter: str) -> list[str]:
    """Split a row of a text; a quote that is never closed reaches no other row."""
    try:
        cells = next(csv.reader([row], delimiter=delimiter), [])
    except csv.Error:
        cells = row.split(delimiter)
    return [cell.strip() for cell in cells[:COLUMNS_AT_MOST]]


# --- Find whom they name ------------------------------------------------------------------------------------


@dataclass(slots=True, repr=False)
class Directory:
    """The clients that words of a list fit; `unreadable` counts rows that may be more of them.

    `of_no_group` are those of them who cannot be moved: they are in no group that Poster shows.
    """

    clients: dict[int, Client] = field(default_factory=dict)
    by_phone: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    by_card: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    unreadable: int = 0
    of_no_group: set[int] = field(default_factory=set)

    def clients_of(self, word: Word) -> set[int]:
        found = {word.id} & self.clients.keys() if word.id else set()
        found |= self.by_card.get(word.card, set())
        return found.union(*(self.by_phone.get(phone, ()) for phone in word.phones))


def read_directory(
    credentials: PosterCredentials, lines: Sequence[Line], group_ids: Collection[int]
) -> Directory:
    """Read all clients of the account, and return those that a line fits, without removed ones.

    A client in no group, or in one that is not among `group_ids`, cannot be moved, and counts as unreadable.
    Raises `PosterError`, among them `Unreachable` if it takes longer than SECONDS_FOR_ALL.
    """
    words = [word for line in lines for word in line.words]
    phones = {phone for word in words for phone in word.phones}
    cards = {word.card for word in words if word.card}
    ids = {word.id for word in words}
    found = Directory()
    until = time.monotonic() + SECONDS_FOR_ALL
    for page in pages_of(credentials, None, until=until, size=COUNTED_AT_ONCE) if words else ():
        found.unreadable += len(page.unreadable)
        for client in page.clients:
            fitting = phones.intersection(whole_numbers(phone_digits(client.phone)))
            card = card_number(client.card_number)
            if client.removed or not (fitting or card in cards or client.id in ids):
                continue
            if client.group_id not in group_ids:
                found.unreadable += 1
                found.of_no_group.add(client.id)
            found.clients[client.id] = client
            for phone in fitting:
                found.by_phone[phone].add(client.id)
            if card in cards:
                found.by_card[card].add(client.id)
    return found


def look_up(lines: Sequence[Line], directory: Directory, target_id: int) -> list[Listed]:
    """Return the result of each line; clients are to be moved to the group `target_id`.

    The first word of a line counts. A later one that fits another client makes the line ambiguous.
    """
    first_lines: dict[int, int] = {}
    results = []
    for line in lines:
        fits = [directory.clients_of(word) for word in line.words]
        clients = tuple(directory.clients[each] for each in sorted(set().union(*fits)))
        if not line.words:
            results.append(Listed(line, State.UNREADABLE))
        elif len(clients) > 1:
            results.append(Listed(line, State.AMBIGUOUS, clients))
        elif not fits[0] or clients[0].id in directory.of_no_group:
            results.append(Listed(line, State.UNKNOWN))
        elif (first := first_lines.setdefault(clients[0].id, line.number)) != line.number:
            results.append(Listed(line, State.DOUBLE, clients, first))
        else:
            is_there = clients[0].group_id == target_id
            results.append(Listed(line, State.THERE if is_there else State.FOUND, clients))
    return results
