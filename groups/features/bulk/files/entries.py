"""Read what a table wants of groups: one that was exported and changed, or one that was typed.

Each line with an id changes that group, each without one creates a group. An empty cell changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from groups.features.bulk.files.read_workbook import LONGEST_CELL
from groups.features.bulk.files.tables import Formula, NotReadable, read_table
from groups.features.bulk.services import LineError, Rule
from groups.poster import LoyaltyType
from groups.poster.fields import fold
from groups.presenters.lists.list_filters import column_sets
from groups.services.values import DEFAULT_CURRENCY, currency, type_label
from groups.spreadsheets.exports import header

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

    Those of a scheme have names, those of a table ids. `rules` are None where it says nothing of rules, and
    `ignored` the columns that are not known.
    """

    entries: tuple[Entry, ...] = ()
    errors: tuple[LineError, ...] = ()
    is_scheme: bool = False
    rules: tuple[Rule, ...] | None = None
    ignored: tuple[str, ...] = ()


def read_entries(content: bytes, account: str) -> Intended:
    """Return what a table wants of the groups of an account. Raises `NotReadable`."""
    table = read_table(content, _count_columns)
    columns: dict[str, int] = {}
    ignored = []
    for place, name in enumerate(table.header):
        key = _column_names().get(fold(name))
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
    for number, row in table.rows.items():
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


def _count_columns(cells: Iterable[str]) -> int:
    return sum(fold(cell[:LONGEST_CELL]) in _column_names() for cell in cells)


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
def names_of_type(loyalty_type: int) -> frozenset[str]:
    """Return the names of a type in all languages, and its number."""
    names = {str(loyalty_type)}
    for language, _name in settings.LANGUAGES:
        with override(language):
            names.add(fold(type_label(loyalty_type)))
    return frozenset(names)


def _as_form_value(key: str, text: str) -> str:
    """Return a cell in the format that the form accepts."""
    match key:
        case "loyalty_type":
            return next((str(each.value) for each in LoyaltyType if fold(text) in names_of_type(each)), text)
        case "birthday_bonus":
            for sign in (DEFAULT_CURRENCY, currency.get()):
                text = text.removesuffix(sign).rstrip()
    return text
