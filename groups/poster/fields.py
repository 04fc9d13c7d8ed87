"""Read single fields of Poster's wire format, and sort out the rows that have one that cannot be read.

Numbers may be texts, as documented, or JSON numbers; no value is clamped or invented.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from operator import attrgetter
from typing import Any, Protocol, cast

_INTEGER = re.compile(r"-?[0-9]{1,15}(?:\.0+)?", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?", re.ASCII)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
MAX_ID = 2**31 - 1
KOPECKS = Decimal(100)
HIGHEST_PERCENT = Decimal(100)


class UnreadableRow(ValueError):
    """A row of a response that does not match the documentation.

    `id` is the record's id if it could be read. Such a row is never guessed at and never dropped silently.
    """

    def __init__(self, problem: str, record_id: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.id = record_id


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


def read_rows[T: _HasId](
    from_wire: Callable[[Mapping[Any, Any]], T], rows: Iterable[object], id_field: str
) -> tuple[tuple[T, ...], tuple[UnreadableRow, ...]]:
    """Return the records of the rows, and for each row that cannot be read the reason."""
    found: list[T | UnreadableRow] = []
    for row in rows:
        try:
            found.append(from_wire(row) if isinstance(row, Mapping) else UnreadableRow("not an object"))
        except UnreadableRow as error:
            with suppress(UnreadableRow):
                error.id = read_id(cast("Mapping[Any, Any]", row), id_field)
            found.append(error)
    return sort_out(found)


def sort_out[T: _HasId](
    rows: "Sequence[T | UnreadableRow]",
) -> tuple[tuple[T, ...], tuple[UnreadableRow, ...]]:
    """Count a second row with the same id as unreadable: it is unknown which of the two is right."""
    if UnreadableRow not in set(map(type, rows)) and len(set(map(attrgetter("id"), rows))) == len(rows):
        return tuple(cast("Sequence[T]", rows)), ()  # the usual case, found quickly
    records: dict[int, T] = {}
    unreadable: list[UnreadableRow] = []
    for row in rows:
        if isinstance(row, UnreadableRow):
            unreadable.append(row)
        elif row.id in records:
            unreadable.append(UnreadableRow("this id was there before", row.id))
        else:
            records[row.id] = row
    return tuple(records.values()), tuple(unreadable)


def plain(number: Decimal) -> str:
    """Return a decimal as plain digits, without exponent and trailing zeros: `12.5`, `10`, `0`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced: databases and pages cannot hold them."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def fold(name: str) -> str:
    """Return the form in which group names are compared: case, spaces and Unicode form are ignored."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def whole_number(text: str, *, most: int = MAX_ID) -> int | None:
    """Return the number that a text of ASCII digits is; None for another text, or a number above `most`."""
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(most)):
        return None
    number = int(text)
    return number if number <= most else None


def read_id(row: Mapping[Any, Any], field: str) -> int:
    """Return the id in a field. Raises `UnreadableRow`, as do all `read_…` functions below."""
    number = read_integer(row, field)
    if not 1 <= number <= MAX_ID:
        raise UnreadableRow(f"{field} is out of range")
    return number


def read_words(row: Mapping[Any, Any], field: str) -> str:
    words = unescaped(read_text(row, field))
    if words != storable(words):
        raise UnreadableRow(f"{field} holds half a character")
    return words


def unescaped(text: str) -> str:
    """Return a text without HTML entities and NUL, which no database holds."""
    return html.unescape(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def read_text(row: Mapping[Any, Any], field: str) -> str:
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UnreadableRow(f"{field} is missing or not a text")
    return str(value)


def read_switch(row: Mapping[Any, Any], field: str) -> str | None:
    if row.get(field) is None:
        return None
    value = read_text(row, field)
    if value != storable(value):
        raise UnreadableRow(f"{field} is not a text")
    return value


def label(value: object) -> str:
    """Return the plain text of an optional value; anything but a text is an empty one."""
    return storable(html.unescape(value)).strip() if isinstance(value, str) else ""


def is_given(row: Mapping[Any, Any], field: str) -> bool:
    return row.get(field) not in (None, "")


def read_given[T, Other](
    read: Callable[[Mapping[Any, Any], str], T], row: Mapping[Any, Any], field: str, other: Other
) -> T | Other:
    """Read a field that Poster may leave out, or send empty; then it is `other`."""
    return read(row, field) if is_given(row, field) else other


def _signed(row: Mapping[Any, Any], field: str, shape: re.Pattern[str]) -> Decimal:
    value = row.get(field)
    text = str(value) if isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool) else ""
    if not shape.fullmatch(text):
        raise UnreadableRow(f"{field} is missing or not a number")
    return Decimal(text)


def _number(row: Mapping[Any, Any], field: str, shape: re.Pattern[str]) -> Decimal:
    number = _signed(row, field, shape)
    if number.is_signed():
        raise UnreadableRow(f"{field} is negative")
    return number


def read_integer(row: Mapping[Any, Any], field: str) -> int:
    return int(_number(row, field, _INTEGER))


def read_money(row: Mapping[Any, Any], field: str) -> Decimal:
    """Return a sum of whole kopecks in hryvnia; it may be negative, unlike the other numbers."""
    return _signed(row, field, _INTEGER) / KOPECKS


def read_hryvnia(row: Mapping[Any, Any], field: str) -> Decimal:
    """Return a sum that Poster gives in hryvnia instead."""
    sign, row = (-1, {field: row[field][1:]}) if str(row.get(field)).startswith("-") else (1, row)
    return sign * _number(row, field, _DECIMAL)


def read_percent(row: Mapping[Any, Any], field: str) -> Decimal:
    return read_decimal(row, field, maximum=HIGHEST_PERCENT)


def read_decimal(row: Mapping[Any, Any], field: str, *, maximum: Decimal) -> Decimal:
    number = _number(row, field, _DECIMAL)
    if number > maximum:
        raise UnreadableRow(f"{field} is above {maximum}")
    return Decimal(plain(number))
