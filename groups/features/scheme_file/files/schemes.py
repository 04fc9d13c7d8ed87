"""Read a scheme: its groups, and the loyalty rules beside them, with every mistake and its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from groups.features.bulk.spreadsheets import ROWS_AT_MOST
from groups.features.scheme_file.files.documents import (
    Fields,
    Items,
    Node,
    NotAScheme,
    Place,
    Value,
    read_document,
)
from groups.features.scheme_file.presenters import TYPE_NAMES
from groups.features.scheme_file.services import Rule
from groups.forms.fields import LARGEST_BONUS
from groups.poster import LoyaltyType

if TYPE_CHECKING:
    from groups.features.bulk.spreadsheets.imports import LineError

TYPES = {name: kind for kind, name in TYPE_NAMES.items()}
FIELDS = {"groups": True, "rules": False}
FIELDS_OF_GROUP = {"name": True, "type": True, "percent": True, "birthday_bonus": False, "was": False}
FIELDS_OF_RULE = {"group": True, "sum": True}
"""The fields of each kind, and whether they have to be there."""
HIGHEST_PERCENT = Decimal(100)
LARGEST_SUM = Decimal(10) ** 9
# No sign, no exponent, no underscore, and no zero in front, by which YAML writes octal numbers.
NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,2})?", re.ASCII)
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One group of the file; `was` is its old name where it is renamed. `places` are those of its fields."""

    name: str
    loyalty_type: int
    percent: Decimal
    birthday_bonus: Decimal
    was: str | None = None
    places: Mapping[str, Place] = field(default=MappingProxyType({}), compare=False)

    @property
    def place(self) -> Place:
        return self.places["name"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """The groups of a file, and its rules; None where it says nothing of rules."""

    entries: tuple[Entry, ...]
    rules: tuple[Rule, ...] | None = None


def read_scheme(content: bytes) -> Scheme:
    """Return the scheme in a file. Raises `NotAScheme`."""
    document = read_document(content)
    if document is None or (isinstance(document, Value) and document.is_plain and not document.text):
        raise NotAScheme([Place(1, 1).error(_("The file is empty."))])
    reading = _Reading()
    scheme = reading.scheme(document)
    if reading.errors or scheme is None:
        raise NotAScheme(reading.errors)
    return scheme


class _Reading:
    """The reading of one document, with all of its errors."""

    def __init__(self) -> None:
        self.errors: list[LineError] = []
        self._line_of_name: dict[str, int] = {}

    def scheme(self, document: Node) -> Scheme | None:
        found = self._fields(document, FIELDS)
        if not found.keys() >= {"groups"}:
            return None
        items = self._items(found["groups"])
        if len(items) > ROWS_AT_MOST:
            words = _("A file has %(count)s groups at most.") % {"count": ROWS_AT_MOST}
            self.errors.append(items[ROWS_AT_MOST].place.error(words))
            return None
        entries = tuple(entry for item in items if (entry := self._entry(item)))
        if "rules" not in found:
            return Scheme(entries)
        rules = tuple(rule for item in self._items(found["rules"]) if (rule := self._rule(item)))
        return Scheme(entries, rules)

    def _entry(self, node: Node) -> Entry | None:
        found = self._fields(node, FIELDS_OF_GROUP)
        name = self._name(found.get("name"))
        was = self._name(found.get("was"))
        kind = self._type(found.get("type"))
        beyond = _("The percent must be between 0 and 100.")
        percent = self._number(found.get("percent"), HIGHEST_PERCENT, beyond)
        beyond = _("The birthday bonus must be between 0 and 1,000,000.")
        bonus = self._number(found.get("birthday_bonus"), LARGEST_BONUS, beyond)
        if kind == LoyaltyType.BONUS and "birthday_bonus" not in found:
            self._miss(node, "birthday_bonus")
        elif kind == LoyaltyType.DISCOUNT and bonus:
            words = _("Only bonus groups have a birthday bonus. Leave the field out.")
            self.errors.append(found["birthday_bonus"].place.error(words))
        if name is None or kind is None or percent is None:
            return None
        places = {key: value.place for key, value in found.items()}
        return Entry(name, kind, percent, bonus or Decimal(0), was, places)

    def _rule(self, node: Node) -> Rule | None:
        found = self._fields(node, FIELDS_OF_RULE)
        group = self._text(found.get("group"))
        beyond = _("The sum must be between 0 and 1,000,000,000.")
        total = self._number(found.get("sum"), LARGEST_SUM, beyond)
        return None if group is None or total is None else Rule(group, total)

    # --- Parts ----------------------------------------------------------------------------------------------

    def _fields(self, node: Node, known: Mapping[str, bool]) -> dict[str, Node]:
        """Return the fields by their names; record those that are unknown, there twice, or missing."""
        if not isinstance(node, Fields):
            self._expect(node, _("Write fields here: %(names)s.") % {"names": ", ".join(known)})
            return {}
        found: dict[str, Node] = {}
        for key, value in node.pairs:
            if key.text not in known:
                words = _("There is no field “%(name)s”. Known here are: %(names)s.")
                self._expect(key, words % {"name": key.text[:100], "names": ", ".join(known)})
            elif key.text in found:
                self._expect(key, _("The field “%(name)s” is there twice.") % {"name": key.text})
            else:
                found[key.text] = value
        for name, is_needed in known.items():
            if is_needed and name not in found:
                self._miss(node, name)
        return found

    def _items(self, node: Node) -> tuple[Node, ...]:
        if isinstance(node, Items):
            return node.items
        self._expect(node, _("Write a list here, each item after a hyphen."))
        return ()

    def _text(self, node: Node | None) -> str | None:
        """Return a value to the letter, or None with an error; a missing field has one already."""
        if node is None:
            return None
        if not isinstance(node, Value):
            self._expect(node, _("Write one value here, no list and no fields."))
        elif node.is_plain and node.text in NOTHING:
            self._expect(node, _("Write a value here. A name that is really “null” stands in quotes."))
        else:
            return node.text
        return None

    def _name(self, node: Node | None) -> str | None:
        """Return a name, which may stand in a file once: as a name, or as an old one."""
        name = self._text(node)
        if name is None or node is None:
            return None
        if name in self._line_of_name:
            words = _("This name is in line %(line)s already.") % {"line": self._line_of_name[name]}
            self._expect(node, words)
        self._line_of_name.setdefault(name, node.place.line)
        return name

    def _type(self, node: Node | None) -> int | None:
        text = self._text(node)
        if node is not None and text is not None and text not in TYPES:
            words = _("Write “%(bonus)s” or “%(discount)s”.") % {"bonus": "bonus", "discount": "discount"}
            self._expect(node, words)
        return TYPES.get(text or "")

    def _number(self, node: Node | None, largest: Decimal, beyond: str) -> Decimal | None:
        text = self._text(node)
        if node is None or text is None:
            return None
        if not NUMBER.fullmatch(text):
            words = _("Write a plain number with at most two digits after its point, as 12.5.")
            self._expect(node, words)
            return None
        number = Decimal(text)
        if number > largest:
            self._expect(node, beyond)
            return None
        return number

    def _expect(self, node: Node, text: str) -> None:
        self.errors.append(node.place.error(text))

    def _miss(self, node: Node, name: str) -> None:
        self._expect(node, _("The field “%(name)s” is missing.") % {"name": name})
