"""Read CSV and XLSX files: their rows as text, and what a table wants of groups.

A file comes from outside: nothing in it is executed, and no file can take more memory or time than a small
one. A table of groups is one that was exported and changed, or one that was typed. Each line with an id
changes that group, each without one creates a group. An empty cell changes nothing.
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import override

from groups.features.bulk.files import read_workbook
from groups.features.bulk.services import LineError
from groups.poster import LoyaltyType
from groups.poster.fields import fold, storable
from groups.presenters.lists.list_filters import column_sets
from groups.services.values import DEFAULT_CURRENCY, currency, type_label
from groups.spreadsheets import FORMULA_START, header

DELIMITERS = ";,\t"
_marked = re.compile(FORMULA_START.format(mark="'"))
ZIP = b"PK\x03\x04"
# Workbooks from before 2007, and those with a password.
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


class NotReadable(ValidationError):
    """The file as a whole is not readable, or cannot be compared; the message says why."""


class Formula(str):
    """A cell with a formula or an error: its value is unknown."""

    __slots__ = ()


def read_table(content: bytes, known: Collection[str]) -> dict[int, tuple[str, ...]]:
    """Return the rows of a file that are not empty, by their numbers in it; the first one is the header.

    `known` are names of columns, folded: with the delimiter of a CSV its header has most of them. Raises
    `NotReadable`.
    """
    if content.startswith(OLE):
        raise NotReadable(
            _(
                "This is a workbook of an old kind, or one with a password. "
                "Save it as XLSX without a password, or as CSV."
            )
        )
    if content.startswith(ZIP):
        try:
            rows = read_workbook.rows_of(content)
        except read_workbook.TooLarge:
            words = _(
                "This XLSX file takes too much memory or time to read. "
                "Save only the table, in a new workbook."
            )
            raise NotReadable(words) from None
        except read_workbook.Damaged:
            words = _(
                "This XLSX file cannot be read. Open it in a spreadsheet program and save it again, "
                "or save it as CSV."
            )
            raise NotReadable(words) from None
        return _collect(
            (number, tuple(Formula("=") if cell is None else storable(cell).strip() for cell in cells))
            for number, cells in rows
        )
    for encoding in ("utf-8-sig", "cp1251"):
        with suppress(UnicodeDecodeError):
            text, delimiters = content.decode(encoding), DELIMITERS
            if "\0" in text:
                break
            first, _newline, rest = text.partition("\n")
            if first.startswith("sep="):
                # Excel's own `sep=` line, which it does not count.
                text, delimiters = rest, first[4:5] or DELIMITERS
            delimiter = max(delimiters, key=lambda each: count_known(next(_split(text, each), ()), known))
            return _collect(enumerate(_split(text, delimiter), 1))
    raise NotReadable(_("This is neither an XLSX nor a CSV file. Save the table as one of these."))


def count_known(cells: Iterable[str], known: Collection[str]) -> int:
    return sum(fold(cell[: read_workbook.LONGEST_CELL]) in known for cell in cells)


def _collect(rows: Iterable[tuple[int, tuple[str, ...]]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for number, row in rows:
        if number > read_workbook.LAST_ROW:
            words = _("The table goes on below line %(line)s. Take out its empty lines.")
            raise NotReadable(words % {"line": read_workbook.LAST_ROW})
        if any(len(cell) > read_workbook.LONGEST_CELL for cell in row):
            raise NotReadable(_("Line %(line)s has a cell that is too long.") % {"line": number})
        if not any(row):
            continue
        if len(found) > read_workbook.ROWS_AT_MOST:
            words = _("The file has more than %(count)s lines. Split it into smaller ones.")
            raise NotReadable(words % {"count": read_workbook.ROWS_AT_MOST})
        found[number] = row
    if not found:
        raise NotReadable(_("The file is empty."))
    return found


def _split(text: str, delimiter: str) -> Iterator[tuple[str, ...]]:
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            # The texts as they were before `protected` marked those that look like formulas.
            yield tuple(
                Formula(cell) if cell.startswith("=") else _marked.sub(r"\1", cell).strip()
                for cell in record[: read_workbook.COLUMNS_AT_MOST]
            )
    except (csv.Error, ValueError, TypeError):
        words = _("The lines of this CSV file cannot be told apart. Save the table again.")
        raise NotReadable(words) from None


# --- Groups ------------------------------------------------------------------------------------------------


# The columns of the export, in its order; the last three are read-only.
COLUMNS = ("id", "name", "loyalty_type", "percent", "birthday_bonus", "clients", "account", "as_of")
VALUES = COLUMNS[1:5]


@dataclass(frozen=True, slots=True)
class Entry:
    """One group as a file wants it: texts by the fields of a form. What a file does not say stays.

    No two entries of a file have the same `number`. `places` are the lines and columns of what it says.
    `id` is that of a table, and `was` the old name in a scheme.
    """

    number: int
    values: dict[str, str]
    places: dict[str, tuple[int, str]]
    id: str = ""
    was: str | None = None

    @property
    def name(self) -> str:
        return self.values.get("name", "")

    @property
    def line(self) -> int:
        return self.places["name"][0]

    def error(self, text: str, field: str = "name") -> LineError:
        return LineError(*self.places.get(field, self.places["name"]), text)


@dataclass(frozen=True, slots=True)
class Intended:
    """All groups that a file wants, or the errors in it.

    Those of a scheme have names, those of a table ids. `ignored` are the columns that are not known.
    """

    entries: tuple[Entry, ...] = ()
    errors: tuple[LineError, ...] = ()
    is_scheme: bool = False
    ignored: tuple[str, ...] = ()


def read_entries(content: bytes, account: str) -> Intended:
    """Return what a table wants of the groups of an account. Raises `NotReadable`."""
    rows = iter(read_table(content, column_names()).items())
    columns: dict[str, int] = {}
    ignored = []
    for place, name in enumerate(next(rows)[1]):
        key = column_names().get(fold(name))
        if key in columns:
            raise NotReadable(_("The column “%(name)s” is there twice.") % {"name": name})
        if key is not None:
            columns[key] = place
        elif name:
            ignored.append(name[:100])
    if not columns.keys() & {"id", "name"}:
        words = _(
            "The first line has to name the columns, Id or Name at least, in the words of an exported file."
        )
        raise NotReadable(words)
    labels = dict(zip(COLUMNS, header(), strict=True))
    entries, errors = [], []
    for number, row in rows:
        cells = {key: row[place] for key, place in columns.items() if place < len(row) and row[place]}
        if fold(theirs := cells.get("account", account)) != fold(account):
            words = _(
                "This file is of the Poster account %(theirs)s, and you are connected to %(yours)s. To bring "
                "groups to another account, save the scheme there, and choose that file here."
            )
            raise NotReadable(words % {"theirs": theirs[:100], "yours": account})
        values = {key: _as_form_value(key, cells[key]) for key in VALUES if key in cells}
        places = {key: (number, labels[key]) for key in ("id", *VALUES)}
        entry = Entry(number, values, places, id=cells.get("id", ""))
        formulas = [key for key in ("id", *VALUES) if isinstance(cells.get(key), Formula)]
        words = _("There is a formula here. Put its result there instead.")
        errors += [entry.error(words, key) for key in formulas]
        if not formulas and (values or entry.id):
            entries.append(entry)
    return Intended(tuple(entries), tuple(errors), ignored=tuple(ignored))


@cache
def column_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names |= {fold(name): key for key, name in zip(COLUMNS, header(), strict=True)}
            # An export with amounts has more columns, which are read-only too.
            for column_set in column_sets.values():
                names |= {fold(name): key for key, name in column_set.labels().items()}
    return names


@cache
def names_of_type(loyalty_type: int) -> frozenset[str]:
    names = {str(loyalty_type)}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names.add(fold(type_label(loyalty_type)))
    return frozenset(names)


def _as_form_value(key: str, text: str) -> str:
    if key == "loyalty_type":
        return next((str(each.value) for each in LoyaltyType if fold(text) in names_of_type(each)), text)
    for sign in (DEFAULT_CURRENCY, currency.get()) if key == "birthday_bonus" else ():
        text = text.removesuffix(sign).rstrip()
    return text
