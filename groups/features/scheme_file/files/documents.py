"""Read a YAML document strictly: each value as it is written, with its place.

PyYAML's events are taken as they come, before anything is resolved: no value is given a type, and an anchor,
an alias or a tag is refused where it stands. So no file grows beyond its size.
"""

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NoReturn

import yaml
from django.utils.translation import gettext as _

from groups.features.bulk.spreadsheets import ROWS_AT_MOST
from groups.features.bulk.spreadsheets.imports import LineError

try:
    from yaml import CSafeLoader as Loader  # twenty times faster
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

DEEPEST = 5
"""One level below the values of a group: what is wrong there is told with all other errors."""
VALUES_AT_MOST = 100_000
"""Values, lists and fields of a file: 5,000 groups and as many rules have 80,000."""
# Characters that no YAML has; a byte order mark is one anywhere but at the start.
_line_end = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_unprintable = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class NotAScheme(Exception):
    """The file is no scheme; `errors` say where it has to be corrected, from its top."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__()
        self.errors = sorted(errors, key=lambda error: (error.line, int(error.column)))


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int

    def error(self, text: str) -> LineError:
        return LineError(self.line, str(self.column), text)


@dataclass(frozen=True, slots=True)
class Value:
    """One value, to the letter; `is_plain` without quotes."""

    text: str
    is_plain: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields, each with its name, in their order; a name may be there twice."""

    pairs: tuple[tuple[Value, "Node"], ...]
    place: Place


type Node = Value | Items | Fields


def read_document(content: bytes) -> Node | None:
    """Return the only document of a file, or None if there is none. Raises `NotAScheme`."""
    text = _decoded(content)
    try:
        return _Reading(text).run()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark)
        lines = _line_end.split(text)
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        if line[place.column - 1 : place.column] == "\t":
            raise NotAScheme([place.error(_("There is a tab here. Indent with spaces."))]) from None
        problem = _("This is not YAML: %(problem)s.") % {"problem": error.problem or error.context}
        raise NotAScheme([place.error(problem)]) from None


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise NotAScheme([_end_of(before).error(_("The file has to be text in UTF-8."))]) from None
    if odd := _unprintable.search(text):
        words = _("Take the invisible character %(code)s out.") % {"code": f"U+{ord(odd[0]):04X}"}
        raise NotAScheme([_end_of(text[: odd.start()]).error(words)])
    return text


def _end_of(text: str) -> Place:
    lines = _line_end.split(text)
    return Place(len(lines), len(lines[-1]) + 1)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Reading:
    """The reading of one file, event by event."""

    def __init__(self, text: str) -> None:
        self._events = iter(yaml.parse(text, Loader=Loader))
        self._left = VALUES_AT_MOST

    def run(self) -> Node | None:
        found: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found is not None:
                    self._refuse(event, _("A file has one document only."))
                if event.tags:
                    self._refuse(event, _("Tags (!) are not allowed."))
                found = self._node(next(self._events), 1)
        return found

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse(event, _("Anchors and aliases (& and *) are not allowed: write each value out."))
        self._left -= 1
        if not self._left:
            self._refuse(event, _("A file has %(count)s groups at most.") % {"count": ROWS_AT_MOST})
        if getattr(event, "tag", None) is not None:
            self._refuse(event, _("Tags (!) are not allowed."))
        place = _place(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            return Value(event.value, event.implicit[0], place)
        if depth >= DEEPEST:
            self._refuse(event, _("Write one value here, no list and no fields."))
        children = takewhile(lambda child: not isinstance(child, yaml.CollectionEndEvent), self._events)
        nodes = tuple(self._node(child, depth + 1) for child in children)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(nodes, place)
        for name in nodes[::2]:
            if not isinstance(name, Value):
                raise NotAScheme([name.place.error(_("The name of a field is one word."))])
        return Fields(tuple(zip(nodes[::2], nodes[1::2], strict=True)), place)  # type: ignore[arg-type]

    def _refuse(self, event: yaml.Event, text: str) -> NoReturn:
        raise NotAScheme([_place(event.start_mark).error(text)])
