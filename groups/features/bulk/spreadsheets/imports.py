"""Read a file with groups, exported or typed, and determine its changes to the groups in Poster.

Each line with an id changes that group, each without one creates a group. An empty cell changes nothing.
Nothing is removed. Errors name line and column; the rules are those of the form.
"""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from groups.features.bulk.forms import LineForm
from groups.features.bulk.services import Line, by_name
from groups.features.bulk.spreadsheets import LONGEST_CELL, Formula
from groups.features.bulk.spreadsheets.reader import NotReadable, Table, read_table
from groups.forms.fields import NameField
from groups.poster import Group, GroupValues, LoyaltyType
from groups.poster.fields import fold, whole_number
from groups.presenters.lists.conditions import column_sets
from groups.services.groups import Groups
from groups.services.values import DEFAULT_CURRENCY, currency, type_label
from groups.spreadsheets.exports import header

# The columns of the export, in its order; the last three are read-only.
COLUMNS = ("id", "name", "loyalty_type", "percent", "birthday_bonus", "clients", "account", "as_of")
VALUES = COLUMNS[1:5]
OTHER_ACCOUNT = "other_account"
"""The code of the error that a file is of another account."""
_SPACES = str.maketrans("", "", " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}")


@dataclass(frozen=True, slots=True)
class LineError:
    """An error in a line, with its column if it concerns one."""

    line: int
    column: str
    text: str


@dataclass(slots=True)
class Import:
    """The changes of a file, and all its errors."""

    lines: list[Line] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    unchanged: int = 0
    ignored: list[str] = field(default_factory=list)


def read_import(content: bytes, groups: Groups, account: str) -> Import:
    """Return the changes of a file to an account's groups. Raises `NotReadable` for an unreadable file."""
    table = read_table(
        content, lambda cells: sum(fold(cell[:LONGEST_CELL]) in _column_names() for cell in cells)
    )
    return _Reading(table, groups, account).run()


@cache
def _column_names() -> dict[str, str]:
    """Return the keys of the columns by their names in all languages."""
    names: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names |= {fold(name): key for key, name in zip(COLUMNS, header(), strict=True)}
            # An export with amounts has more columns, which are read-only too.
            for column_set in column_sets.values():
                names |= {fold(name): key for key, name in column_set.labels().items()}
    return names


@cache
def _names_of_type(loyalty_type: int) -> frozenset[str]:
    """Return the names of a type in all languages, and its number."""
    names = {str(loyalty_type)}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names.add(fold(type_label(loyalty_type)))
    return frozenset(names)


class _Reading:
    """The reading of one file, with everything that its lines share."""

    def __init__(self, table: Table, groups: Groups, account: str) -> None:
        self._table = table
        self._groups = {group.id: group for group in groups.groups}
        self._unreadable = {row.id for row in groups.unreadable}
        self._named = by_name(groups.groups)
        self._account = account
        self._found = Import()
        self._labels = dict(zip(COLUMNS, header(), strict=True))
        self._form = LineForm()
        self._line_of_id: dict[int, int] = {}
        self._line_of_name: dict[str, int] = {}

    def run(self) -> Import:
        """Find the columns by their names, then read all lines."""
        columns: dict[str, int] = {}
        for place, name in enumerate(self._table.header):
            key = _column_names().get(fold(name))
            if key in columns:
                raise NotReadable(_("The column “%(name)s” is there twice.") % {"name": name})
            if key is not None:
                columns[key] = place
            elif name:
                self._found.ignored.append(name[:100])
        if not columns.keys() & {"id", "name"}:
            words = _(
                "The first line has to name the columns, Id or Name at least, in the words of an "
                "exported file."
            )
            raise NotReadable(words)
        rows = {
            number: {key: row[place] for key, place in columns.items() if place < len(row) and row[place]}
            for number, row in self._table.rows.items()
        }
        for cells in rows.values():
            account = cells.get("account", self._account)
            if fold(account) != fold(self._account):
                words = _(
                    "This file is of the Poster account %(theirs)s, and you are connected to %(yours)s."
                )
                accounts = {"theirs": account[:100], "yours": self._account}
                raise NotReadable(words % accounts, code=OTHER_ACCOUNT)
        for number, cells in rows.items():
            if cells.keys() & {"id", *VALUES}:
                self._read_line(number, cells)
        return self._found

    # --- One line ------------------------------------------------------------------------------------------

    def _read_line(self, number: int, cells: dict[str, str]) -> None:
        formulas = [key for key in ("id", *VALUES) if isinstance(cells.get(key), Formula)]
        for key in formulas:
            self._fail(number, key, _("There is a formula here. Put its result there instead."))
        group = None
        if not formulas and "id" in cells:
            group = self._find_group(number, cells["id"])
        if formulas or ("id" in cells and group is None):
            return
        values = {key: _as_form_value(key, cells[key]) for key in VALUES if key in cells}
        if group is not None:
            values = {key: text for key, text in values.items() if not _is_same(key, text, group)}
            if not values:
                self._found.unchanged += 1
                return
            if not group.is_editable:
                problem = _("Poster has a type for this group that is not known here.")
                self._fail(number, "loyalty_type", problem)
                return
        self._check_line(number, values, group)

    def _find_group(self, number: int, text: str) -> Group | None:
        """Return the group of an id, or record an error if it does not exist."""
        group_id = whole_number(text)
        if group_id is None:
            problem = _("An id is a whole number. For a new group, leave the cell empty.")
        elif group_id in self._line_of_id:
            problem = _("This group is in line %(line)s already.") % {"line": self._line_of_id[group_id]}
        elif group_id in self._unreadable:
            problem = _("What Poster has of this group could not be read.")
        elif group_id not in self._groups:
            problem = _("There is no group with this id. For a new one, leave the cell empty.")
        else:
            self._line_of_id[group_id] = number
            return self._groups[group_id]
        self._fail(number, "id", problem)
        return None

    def _check_line(self, number: int, values: dict[str, str], group: Group | None) -> None:
        form = self._form
        form.check(values, group)
        errors = {key: [str(message) for message in messages] for key, messages in form.errors.items()}
        if "loyalty_type" in errors:
            types = {"bonus": type_label(LoyaltyType.BONUS), "discount": type_label(LoyaltyType.DISCOUNT)}
            errors["loyalty_type"] = [_("Write “%(bonus)s” or “%(discount)s”.") % types]
        if not errors:
            errors = self._check_rules_of_files(number, values, group, form.intended)
        if errors and group is None and (namesakes := self._named.get(fold(values.get("name", "")))):
            # A line without an id is a new group, and may have been meant for this one.
            words = _("There is a group of this name. To change that one, put its id here: %(ids)s.")
            self._fail(number, "id", words % {"ids": ", ".join(str(each.id) for each in namesakes)})
        for key, messages in errors.items():
            for message in messages:
                self._fail(number, key, message)
        if errors:
            return
        if group is not None and form.intended == group.values:
            self._found.unchanged += 1
            return
        self._found.lines.append(Line.of(number, form.intended, group, self._named))

    def _check_rules_of_files(
        self, number: int, values: dict[str, str], group: Group | None, new: GroupValues
    ) -> dict[str, list[str]]:
        """Return errors that the form cannot find: a name used twice, and a bonus of a discount group."""
        name = fold(new.name)
        if group is None or fold(group.name) != name:
            if name in self._line_of_name:
                line = self._line_of_name[name]
                return {"name": [_("This name is in line %(line)s already.") % {"line": line}]}
            self._line_of_name[name] = number
        typed = _as_number(values.get("birthday_bonus", "0"))
        if new.loyalty_type == LoyaltyType.DISCOUNT and typed not in (0, new.birthday_bonus):
            return {"birthday_bonus": [_("Only bonus groups have a birthday bonus. Leave the cell empty.")]}
        return {}

    def _fail(self, line: int, key: str, text: str) -> None:
        self._found.errors.append(LineError(line, self._labels.get(key, ""), text))


def _as_form_value(key: str, text: str) -> str:
    """Return a cell in the format that the form accepts."""
    match key:
        case "loyalty_type":
            return next((str(each.value) for each in LoyaltyType if fold(text) in _names_of_type(each)), text)
        case "birthday_bonus":
            for sign in (DEFAULT_CURRENCY, currency.get()):
                text = text.removesuffix(sign).rstrip()
    return text


def _is_same(key: str, text: str, group: Group) -> bool:
    """Return True if a cell equals the group's value: it is left alone then, however odd it may be."""
    match key:
        case "name":
            return _clean_name(text) == _clean_name(group.name)
        case "loyalty_type":
            return fold(text) in _names_of_type(group.loyalty_type)
        case _:
            return bool(_as_number(text) == getattr(group, key))


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
