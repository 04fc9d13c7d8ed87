"""Read CSV and XLSX files, and compare what a file wants of groups, a scheme too, with what Poster has.

A file comes from outside: nothing in it is executed, and no file can take more memory or time than a small
one. A table of groups is one that was exported and changed, or one that was typed. Each line with an id
changes that group, each without one creates a group. An empty cell changes nothing.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import override

from groups.features.bulk.files import read_workbook
from groups.features.bulk.files.schemes import is_scheme, names_twice, read_scheme
from groups.features.bulk.forms import LineForm
from groups.features.bulk.services import EditPlan, Entry, Intended, LineError, PlanLine
from groups.forms import NameField
from groups.models import PosterCredentials
from groups.poster import Group, LoyaltyType
from groups.poster.fields import fold, storable, whole_number
from groups.presenters.lists import column_sets
from groups.services.gateway import file_turn
from groups.services.groups import Groups
from groups.services.values import DEFAULT_CURRENCY, currency, type_label
from groups.services.writes.lag import current_groups
from groups.spreadsheets import FORMULA_START, header

DELIMITERS = ";,\t"
_marked = re.compile(FORMULA_START.format(mark="'"))
_SPACES = str.maketrans("", "", " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}")
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


# --- What a file changes -----------------------------------------------------------------------------------


def compare_with_poster(name: str, content: bytes, credentials: PosterCredentials) -> EditPlan:
    """Read a file, and return what it changes of what Poster has now, or its errors.

    Raises `NotReadable` and `PosterError`.
    """
    with file_turn(credentials.user_id):  # nobody's file waits while this one is read from Poster
        if is_scheme(name, content):
            wanted = read_scheme(content)
        else:
            wanted = read_entries(content, credentials.account_id)
    if wanted.errors and not wanted.entries:
        return EditPlan(errors=wanted.errors, ignored=wanted.ignored)
    groups = current_groups(credentials)
    with file_turn(credentials.user_id):
        return compare(wanted, groups)


def compare(wanted: Intended, groups: Groups) -> EditPlan:
    """Return what a file would change in an account, or its errors, from its top. Raises `NotReadable`."""
    if wanted.is_scheme and (twice := names_twice(groups)):
        words = _("Poster has two groups with the name “%(name)s”, so it cannot be told which one is meant.")
        raise NotReadable(words % {"name": twice[0]})
    comparing = _Comparing(wanted, groups)
    for entry in wanted.entries:
        comparing.add(entry)
    return EditPlan(
        lines=tuple(comparing.lines),
        unchanged=comparing.unchanged,
        ignored=wanted.ignored,
        unlisted=tuple(comparing.left) if wanted.is_scheme else (),
        is_numbered=not wanted.is_scheme,  # in a scheme several groups may stand on one line
        errors=tuple(sorted(comparing.errors, key=lambda error: error.line)),
    )


class _Comparing:
    def __init__(self, wanted: Intended, groups: Groups) -> None:
        self.lines: list[PlanLine] = []
        self.unchanged = 0
        self.errors = list(wanted.errors)
        self.left = {group.name: group for group in groups.groups}
        self._unreadable = {row.id for row in groups.unreadable}
        self._is_scheme = wanted.is_scheme
        self._by_id = {group.id: group for group in groups.groups}
        self._by_name = defaultdict[str, list[Group]](list)
        for group in groups.groups:
            self._by_name[fold(group.name)].append(group)
        self._form = LineForm()
        self._entry_of_id: dict[int, Entry] = {}
        self._entry_of_name: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        group = self._find_by_name(entry) if self._is_scheme else self._find_by_id(entry)
        if isinstance(group, LineError):
            self.errors.append(group)
            return
        values = entry.values
        if group is not None:
            # A value that is so already is left alone, however odd it is.
            values = {key: text for key, text in values.items() if not self._is_same(key, text, group)}
            if not values:
                self.unchanged += 1
                return
            if not group.is_editable:
                problem = _("Poster has a type for this group that is not known here.")
                self.errors.append(entry.error(problem, "loyalty_type"))
                return
        if errors := self._errors_in(entry, values, group):
            self.errors += errors
        elif group is not None and self._form.intended == group.values:
            self.unchanged += 1
        else:
            new = self._form.intended
            line = PlanLine.of(entry.number, new, group) if group else PlanLine(entry.number, new)
            if group is None or fold(group.name) != fold(new.name):
                others = self._by_name[fold(new.name)]
                line = replace(line, namesakes=tuple((other.id, other.clients) for other in others))
            self.lines.append(line)

    # --- Which group ----------------------------------------------------------------------------------------

    def _find_by_id(self, entry: Entry) -> Group | LineError | None:
        if not entry.id:
            return None
        group_id = whole_number(entry.id)
        if group_id is None:
            problem = _("An id is a whole number. For a new group, leave the cell empty.")
        elif group_id in self._entry_of_id:
            problem = _("This group is in line %(line)s already.") % {
                "line": self._entry_of_id[group_id].line
            }
        elif group_id in self._unreadable:
            problem = _("What Poster has of this group could not be read.")
        elif group_id not in self._by_id:
            problem = _("There is no group with this id. For a new one, leave the cell empty.")
        else:
            self._entry_of_id[group_id] = entry
            return self._by_id[group_id]
        return entry.error(problem, "id")

    def _find_by_name(self, entry: Entry) -> Group | LineError | None:
        names = {"name": entry.name, "was": entry.was}
        group = self.left.pop(entry.name, None)
        before = self.left.pop(entry.was, None) if entry.was is not None else None
        if group and before:
            words = _("“%(was)s” and “%(name)s” are both there, so it cannot be told which one is meant.")
            return entry.error(words % names, "was")
        if group or before:
            return group or before
        if entry.was is not None:
            words = _("There is neither “%(was)s”, which would be renamed, nor “%(name)s”.")
            return entry.error(words % names, "was")
        if self._unreadable:
            return entry.error(
                _("What Poster has of some groups could not be read, so this one may be there already.")
            )
        return None

    # --- Its values -----------------------------------------------------------------------------------------

    def _is_same(self, key: str, text: str, group: Group) -> bool:
        match key:
            case "name":
                is_same = not self._is_scheme and _clean_name(text) == _clean_name(group.name)
                return is_same or text == group.name
            case "loyalty_type":
                return fold(text) in names_of_type(group.loyalty_type)
            case _:
                return bool(_as_number(text) == getattr(group, key))

    def _errors_in(self, entry: Entry, values: dict[str, str], group: Group | None) -> list[LineError]:
        form = self._form
        found: list[tuple[str, str]] = []
        if not form.check(values, group):
            found = [(key, str(message)) for key, messages in form.errors.items() for message in messages]
            if "loyalty_type" in form.errors:
                types = {kind.name.lower(): type_label(kind) for kind in LoyaltyType}
                no_type = _("Write “%(bonus)s” or “%(discount)s”.") % types
                found = [(key, no_type if key == "loyalty_type" else text) for key, text in found]
        elif self._is_scheme and form.intended.name != entry.name:
            text = _("This name would be stored as “%(name)s”. Write it so.")
            found = [("name", text % {"name": form.intended.name})]
        elif (
            # The journal would take the creation of the one for another try of the other.
            (group is None or fold(group.name) != fold(form.intended.name))
            and (other := self._entry_of_name.setdefault(fold(form.intended.name), entry)) is not entry
        ):
            text = _("“%(name)s” in line %(line)s is the same name but for capital letters or spaces.")
            if other.name == entry.name:
                text = _("This name is in line %(line)s already.")
            found = [("name", text % {"name": other.name, "line": other.line})]
        elif form.intended.loyalty_type == LoyaltyType.DISCOUNT:
            typed = _as_number(values.get("birthday_bonus", "0"))
            if typed not in (0, form.intended.birthday_bonus):
                text = _("Only bonus groups have a birthday bonus. Leave the cell empty.")
                found = [("birthday_bonus", text)]
        if found and group is None and not self._is_scheme and (there := self._by_name.get(fold(entry.name))):
            # A line without an id is a new group, and may have been meant for this one.
            text = _("There is a group of this name. To change that one, put its id here: %(ids)s.")
            found.insert(0, ("id", text % {"ids": ", ".join(str(each.id) for each in there)}))
        return [entry.error(text, key) for key, text in found]


def _clean_name(text: str) -> str:
    """Return a name as a form cleans it, with the line breaks of a spreadsheet, which knows one kind."""
    return str(NameField(required=False).to_python(text.replace("\r\n", "\n").replace("\r", "\n")))


def _as_number(text: str) -> Decimal | None:
    """Return the number in a cell, for a comparison only: the form is stricter."""
    try:
        number = Decimal(text.translate(_SPACES).removesuffix("%").replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
