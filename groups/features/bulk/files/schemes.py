"""Read the file of a scheme strictly, with every mistake and its place, and write one.

PyYAML's events are taken as they come, before anything is resolved: no value is given a type, and an anchor,
an alias or a tag is refused where it stands. So no file grows beyond its size.
"""

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from itertools import takewhile
from operator import itemgetter
from typing import Any, NoReturn

from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from groups.features.bulk.files.read_workbook import ROWS_AT_MOST
from groups.features.bulk.services import Entry, Intended, LineError
from groups.forms import LARGEST_BONUS
from groups.poster import Group, LoyaltyType
from groups.poster.fields import plain
from groups.services.groups import Groups

# It takes a fiftieth of a start, so it is imported once a scheme is read or written.
yaml: Any = SimpleLazyObject(lambda: import_module("yaml"))
TYPE_NAMES = {LoyaltyType.BONUS: "bonus", LoyaltyType.DISCOUNT: "discount"}
TYPES = {name: str(int(kind)) for kind, name in TYPE_NAMES.items()}
FIELDS = {"groups": True}
FIELDS_OF_GROUP = {"name": True, "type": True, "percent": True, "birthday_bonus": False, "was": False}
"""The fields of each kind, and whether they have to be there."""
HIGHEST_PERCENT = Decimal(100)
# No sign, no exponent, no underscore, and no zero in front, by which YAML writes octal numbers.
NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,2})?", re.ASCII)
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
DEEPEST = 5
"""One level below the values of a group: what is wrong there is reported with all other errors."""
VALUES_AT_MOST = 100_000
"""Values, lists and fields of a file: 5,000 groups have 55,000."""
LONGEST_LINE = 2**31 - 1
"""A name is never broken into lines."""
_line_end = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# Characters that no YAML has; a byte order mark is one anywhere but at the start.
_unprintable = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


# --- Reading -----------------------------------------------------------------------------------------------


def is_scheme(name: str, content: bytes) -> bool:
    """Recognise a scheme by the name of its file or by its first word."""
    return name.lower().endswith((".yaml", ".yml")) or content.lstrip().startswith(b"groups:")


def read_scheme(content: bytes) -> Intended:
    """Return the groups of the only document in a file, or all errors, from its top."""
    reading = _Reading()
    found = Intended(is_scheme=True)
    with suppress(_Refused):
        found = reading.scheme(reading.document(content))
    if not reading.errors:
        return found
    errors = sorted(reading.errors, key=itemgetter(0, 1))
    return Intended(errors=tuple(LineError(line, str(column), text) for line, column, text in errors))


class _Refused(Exception):
    """Nothing more can be read; the error is recorded."""


type Place = tuple[int, int]
"""A line and a column, both from 1."""


@dataclass(frozen=True, slots=True)
class Node:
    """A text to the letter, which `is_plain` without quotes, a list, or fields: pairs with a name first."""

    place: Place
    value: "str | list[Node] | tuple[tuple[Node, Node], ...]"
    is_plain: bool = False


class _Reading:
    def __init__(self) -> None:
        self.errors: list[tuple[int, int, str]] = []
        self._line_of_name: dict[str, int] = {}
        self._left = VALUES_AT_MOST

    # --- From bytes to nodes --------------------------------------------------------------------------------

    def document(self, content: bytes) -> Node:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8", "replace")
            self._refuse(_end_of(before), _("The file has to be text in UTF-8."))
        if odd := _unprintable.search(text):
            words = _("Take the invisible character %(code)s out.") % {"code": f"U+{ord(odd[0]):04X}"}
            self._refuse(_end_of(text[: odd.start()]), words)
        found: Node | None = None
        try:
            # That of libyaml is twenty times faster; PyYAML may be built without it.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            self._events = iter(yaml.parse(text, Loader=loader))
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if found is not None:
                        self._refuse(_place_of(event.start_mark), _("A file has one document only."))
                    if event.tags:
                        self._refuse(_place_of(event.start_mark), _("Tags (!) are not allowed."))
                    found = self._node(next(self._events), 1)
        except yaml.MarkedYAMLError as error:
            line, column = _place_of(error.problem_mark or error.context_mark)
            problem = _("This is not YAML: %(problem)s.") % {"problem": error.problem or error.context}
            if "".join(_line_end.split(text)[line - 1 : line])[column - 1 : column] == "\t":
                problem = _("There is a tab here. Indent with spaces.")
            self._refuse((line, column), problem)
        if found is None or (found.is_plain and not found.value):
            self._refuse((1, 1), _("The file is empty."))
        return found

    def _node(self, event: Any, depth: int) -> Node:
        place = _place_of(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(place, _("Anchors and aliases (& and *) are not allowed: write each value out."))
        self._left -= 1
        if not self._left:
            self._refuse(place, _("A file has %(count)s groups at most.") % {"count": ROWS_AT_MOST})
        if event.tag is not None:
            self._refuse(place, _("Tags (!) are not allowed."))
        if isinstance(event, yaml.ScalarEvent):
            return Node(place, event.value, event.implicit[0])
        if depth >= DEEPEST:
            self._refuse(place, _("Write one value here, no list and no fields."))
        children = takewhile(lambda child: not isinstance(child, yaml.CollectionEndEvent), self._events)
        nodes = [self._node(child, depth + 1) for child in children]
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(place, nodes)
        for name in nodes[::2]:
            if not isinstance(name.value, str):
                self._refuse(name.place, _("The name of a field is one word."))
        return Node(place, tuple(zip(nodes[::2], nodes[1::2], strict=True)))

    # --- From nodes to groups -------------------------------------------------------------------------------

    def scheme(self, document: Node) -> Intended:
        groups, items = self._fields(document, FIELDS).get("groups"), list[Node]()
        if groups is not None and isinstance(groups.value, list):
            items = groups.value
        elif groups is not None:
            self._expect(groups, _("Write a list here, each item after a hyphen."))
        if len(items) > ROWS_AT_MOST:
            words = _("A file has %(count)s groups at most.") % {"count": ROWS_AT_MOST}
            self._refuse(items[ROWS_AT_MOST].place, words)
        entries = tuple(filter(None, (self._entry(number, item) for number, item in enumerate(items, 1))))
        return Intended(entries, is_scheme=True)

    def _entry(self, number: int, node: Node) -> Entry | None:
        found = self._fields(node, FIELDS_OF_GROUP)
        name, was = self._name(found.get("name")), self._name(found.get("was"))
        kind = self._text(found.get("type"))
        if kind is not None and kind not in TYPES:
            words = _("Write “%(bonus)s” or “%(discount)s”.") % {"bonus": "bonus", "discount": "discount"}
            self._expect(found["type"], words)
        beyond = _("The percent must be between 0 and 100.")
        percent = self._number(found.get("percent"), HIGHEST_PERCENT, beyond)
        beyond = _("The birthday bonus must be between 0 and 1,000,000.")
        bonus = self._number(found.get("birthday_bonus"), LARGEST_BONUS, beyond)
        values = {"name": name, "loyalty_type": TYPES.get(kind or ""), "percent": percent}
        if kind == "bonus":
            values["birthday_bonus"] = bonus
            if "birthday_bonus" not in found:
                self._miss(node, "birthday_bonus")
        elif kind == "discount" and bonus and Decimal(bonus):
            words = _("Only bonus groups have a birthday bonus. Leave the field out.")
            self._expect(found["birthday_bonus"], words)
        if self.errors:
            return None
        places = {
            "loyalty_type" if key == "type" else key: (value.place[0], str(value.place[1]))
            for key, value in found.items()
        }
        return Entry(number, {key: text or "" for key, text in values.items()}, places, was=was)

    def _fields(self, node: Node, known: Mapping[str, bool]) -> dict[str, Node]:
        """Return the fields by their names; record those that are unknown, there twice, or missing."""
        if not isinstance(node.value, tuple):
            self._expect(node, _("Write fields here: %(names)s.") % {"names": ", ".join(known)})
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                words = _("There is no field “%(name)s”. Known here are: %(names)s.")
                self._expect(key, words % {"name": name[:100], "names": ", ".join(known)})
            elif name in found:
                self._expect(key, _("The field “%(name)s” is there twice.") % {"name": name})
            else:
                found[name] = value
        for name, is_needed in known.items():
            if is_needed and name not in found:
                self._miss(node, name)
        return found

    def _text(self, node: Node | None) -> str | None:
        """Return a value to the letter, or None with an error; a missing field has one already."""
        if node is None:
            return None
        if not isinstance(node.value, str):
            self._expect(node, _("Write one value here, no list and no fields."))
        elif node.is_plain and node.value in NOTHING:
            self._expect(node, _("Write a value here. A name that is really “null” stands in quotes."))
        else:
            return node.value
        return None

    def _name(self, node: Node | None) -> str | None:
        """Return a name, which may stand in a file once: as a name, or as an old one."""
        name = self._text(node)
        if name is not None and node is not None:
            if name in self._line_of_name:
                words = _("This name is in line %(line)s already.") % {"line": self._line_of_name[name]}
                self._expect(node, words)
            self._line_of_name.setdefault(name, node.place[0])
        return name

    def _number(self, node: Node | None, largest: Decimal, beyond: str) -> str | None:
        text = self._text(node)
        if node is None or text is None:
            return None
        if not NUMBER.fullmatch(text):
            words = _("Write a plain number with at most two digits after its point, as 12.5.")
            self._expect(node, words)
        elif Decimal(text) > largest:
            self._expect(node, beyond)
        else:
            return text
        return None

    # --- Errors ---------------------------------------------------------------------------------------------

    def _expect(self, node: Node, text: str) -> None:
        self.errors.append((*node.place, text))

    def _miss(self, node: Node, name: str) -> None:
        self._expect(node, _("The field “%(name)s” is missing.") % {"name": name})

    def _refuse(self, place: Place, text: str) -> NoReturn:
        self.errors.append((*place, text))
        raise _Refused


def _place_of(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


def _end_of(text: str) -> Place:
    lines = _line_end.split(text)
    return len(lines), len(lines[-1]) + 1


# --- Writing -----------------------------------------------------------------------------------------------


def write_scheme(groups: Groups) -> str:
    """Return the file with these groups, in their order; comments on top name what it does not have.

    A comparison with it finds nothing. Names are quoted, so that nothing reads `null` as something else.
    """
    writable = [group for group in groups.groups if _is_writable(group)]
    names = yaml.dump(
        [group.name for group in writable],
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        allow_unicode=True,
        default_style='"',
        width=LONGEST_LINE,
    )
    lines = [f"# {words}" for words in shortcomings(groups)]
    lines.append("groups:" if writable else "groups: []")
    for group, name in zip(writable, names.split("\n"), strict=False):
        lines += [
            f"- name: {name.removeprefix('- ')}",
            f"  type: {TYPE_NAMES[LoyaltyType(group.loyalty_type)]}",
        ]
        lines.append(f"  percent: {plain(group.percent)}")
        if group.is_bonus:
            lines.append(f"  birthday_bonus: {plain(group.birthday_bonus)}")
    return "\n".join(lines) + "\n"


def shortcomings(groups: Groups) -> list[str]:
    """Return what a file of these groups lacks, or cannot be compared for, in words."""
    said = _("Poster has two groups with the name %(name)s, so nothing can be compared with this file.")
    found = [said % {"name": quoted(name)} for name in names_twice(groups)]
    said = _("%(name)s is left out: a file cannot say what Poster has of it.")
    found += [said % {"name": quoted(group.name)} for group in groups.groups if not _is_writable(group)]
    if groups.unreadable:
        said = _("Groups that could not be read, and are left out: %(count)s")
        found.append(said % {"count": len(groups.unreadable)})
    return found


def names_twice(groups: Groups) -> list[str]:
    """Return the names that more than one group has: a file cannot say which of them is meant."""
    return [name for name, count in Counter(group.name for group in groups.groups).items() if count > 1]


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(name: str) -> str:
    return f'"{printable(name)}"'


def _is_writable(group: Group) -> bool:
    """Return True if a file can say what a group has: of odd values, as an unknown type, none can."""
    if group.loyalty_type not in TYPE_NAMES or not NUMBER.fullmatch(plain(group.percent)):
        return False
    return not group.is_bonus or group.birthday_bonus <= LARGEST_BONUS
