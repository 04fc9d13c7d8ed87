"""Parse XML that comes from outside as it streams by, in memory that does not grow with it.

expat keeps each open tag, each name that it has met, and a tag until its end has come. All three are bounded
here, and so are the elements; a part keeps nothing else but the values that its class stores.
"""

from dataclasses import dataclass
from xml.parsers import expat

UNPACKED_AT_MOST = 16 * 1024 * 1024
ELEMENTS_AT_MOST = 500_000
DEPTH_AT_MOST = 50
NAMES_AT_MOST = 1000
LONGEST_TAG = 64 * 1024


class TooLarge(Exception):
    """The file has more bytes or elements than it may have."""


class Odd(Exception):
    """The file has something that no spreadsheet program writes."""


@dataclass(slots=True)
class Budget:
    """The bytes and elements that the parts of one file may still have, all of them together."""

    bytes: int = UNPACKED_AT_MOST
    elements: int = ELEMENTS_AT_MOST


class Part:
    """Receive the elements and texts of one part of a file, by their names without a prefix."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Receive the start of an element."""

    def end(self, name: str) -> None:
        """Receive the end of an element."""

    def text(self, text: str) -> None:
        """Receive some of the text of an element."""


class Parser:
    """Feed a part step by step. Raises `TooLarge`, `Odd` and `expat.ExpatError`."""

    def __init__(self, part: Part, budget: Budget) -> None:
        self._part = part
        self._budget = budget
        self._depth = self._fed = 0
        self._names: set[str] = set()
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartDoctypeDeclHandler = self._refuse_doctype
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = part.text

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        self._fed += len(data)
        self._budget.bytes -= len(data)
        if self._budget.bytes < 0:
            raise TooLarge
        self._expat.Parse(data, False)
        if self._fed - self._expat.CurrentByteIndex > LONGEST_TAG:
            raise Odd

    def close(self) -> None:
        """End the part. Raises `expat.ExpatError` if it is not whole."""
        self._expat.Parse(b"", True)

    def _refuse_doctype(self, *_declaration: object) -> None:
        """Refuse a DOCTYPE: nothing else can declare entities."""
        raise Odd

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._budget.elements -= 1
        self._depth += 1
        self._names.add(name)
        self._names.update(attributes)
        if self._budget.elements < 0:
            raise TooLarge
        if self._depth > DEPTH_AT_MOST or len(self._names) > NAMES_AT_MOST:
            raise Odd
        self._part.start(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._part.end(name.rpartition(":")[2])
