"""The records of the Poster Web API, and the one place where they meet the wire.

On the wire every value is a string; money is read in kopecks and written in hryvnia with two decimals; names
may hold HTML entities; the id of a group has two names. In a record money and percents are `Decimal`
(hryvnia, percent), names are plain text and ids are ints.

Source: the Poster API documentation, section clients (marketing).
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from itertools import filterfalse
from operator import attrgetter
from typing import Any, Protocol, Self, cast

_INTEGER = re.compile(r"-?[0-9]{1,15}(?:\.0+)?", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?", re.ASCII)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
MAX_ID = 2**31 - 1
KOPECKS = Decimal(100)
LONGEST_SYMBOL, LONGEST_COMPANY = 8, 200


class LoyaltyType(IntEnum):
    """What a group gives: bonuses for later, or a discount at once."""

    BONUS = 1
    DISCOUNT = 2


class UnreadableRow(ValueError):
    """A row of an answer that is not a group as documented.

    `id` is its id where that much could be read. It is never guessed at, and never dropped in silence.
    """

    def __init__(self, problem: str, group_id: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.id = group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValues:
    """The values of a group that a write sends: all of them, always.

    What Poster does with a field left out is not documented, so `use_ewallet` goes back exactly as it was
    read, and is not sent where it was not read.
    """

    name: str
    loyalty_type: int
    percent: Decimal
    birthday_bonus: Decimal = Decimal(0)
    use_ewallet: str | None = None

    def to_wire(self, *, in_kopecks: bool = False) -> dict[str, str]:
        """Return the form fields of clients.createGroup and clients.updateGroup.

        The bonus is in hryvnia with two decimals, as documented; `in_kopecks` is for an account that is known
        to take it for kopecks.
        """
        wire = {
            "client_groups_name": self.name,
            "loyalty_type": str(int(self.loyalty_type)),
            "client_groups_discount": plain(self.percent),
            "birthday_bonus": f"{self.birthday_bonus * KOPECKS if in_kopecks else self.birthday_bonus:.2f}",
        }
        if self.use_ewallet is not None:
            wire["use_ewallet"] = self.use_ewallet
        return wire

    def to_json(self) -> dict[str, Any]:
        """Return the values in domain units as plain JSON, for journals and caches."""
        return {
            field.name: plain(value) if isinstance(value := getattr(self, field.name), Decimal) else value
            for field in fields(self)
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the record from what `to_json` wrote; keys of a richer record are left out."""
        values: dict[str, Any] = {
            field.name: Decimal(data[field.name]) if field.type is Decimal else data[field.name]
            for field in fields(cls)
            if field.name in data
        }
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(GroupValues):
    """A marketing (loyalty) client group, as Poster has it.

    `loyalty_type` may be a number that nobody has documented: see `is_editable`. `removed` groups are ones
    that Poster still lists with `delete="1"`.
    """

    id: int
    clients: int
    removed: bool = False

    def __hash__(self) -> int:
        # A page looks for each of its rows by what it shows: of all fields two are enough to tell them apart.
        return hash((self.id, self.clients))

    @property
    def is_bonus(self) -> bool:
        return self.loyalty_type == LoyaltyType.BONUS

    @property
    def is_editable(self) -> bool:
        """Say whether we know what we would be sending back."""
        return self.loyalty_type in tuple(LoyaltyType)

    @property
    def values(self) -> GroupValues:
        return GroupValues(
            name=self.name,
            loyalty_type=self.loyalty_type,
            percent=self.percent,
            birthday_bonus=self.birthday_bonus,
            use_ewallet=self.use_ewallet,
        )

    @classmethod
    def from_wire(cls, row: object) -> "Group":
        """Read one group of an answer.

        Numbers may come as strings, as documented, or as JSON numbers. Raises `UnreadableRow` for anything
        that is not a group as documented: nothing is clamped and nothing is made up.
        """
        if not isinstance(row, Mapping):
            raise UnreadableRow("not an object")
        group_id: int | None = None
        try:
            group_id = read_id(row, "client_groups_id")
            return cls(
                id=group_id,
                name=read_words(row, "client_groups_name"),
                loyalty_type=read_integer(row, "loyalty_type"),
                percent=read_decimal(row, "client_groups_discount", maximum=Decimal(100)),
                birthday_bonus=Decimal(read_integer(row, "birthday_bonus")) / KOPECKS,
                clients=read_integer(row, "count_groups_clients"),
                use_ewallet=_switch(row, "use_ewallet"),
                removed=row.get("delete") is not None and read_integer(row, "delete") != 0,
            )
        except UnreadableRow as error:
            raise UnreadableRow(error.problem, group_id) from None


@dataclass(frozen=True, slots=True)
class Settings:
    """What settings.getAllSettings tells of a company; a part that is not there is an empty text.

    `currency` is the symbol, or the ISO code where Poster answers the symbol as HTML. `company_id` tells one
    company from all others, whatever its account is called.
    """

    company_name: str = ""
    currency: str = ""
    company_id: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[Any, Any]) -> "Settings":
        """Read an answer; nothing in it is needed, so nothing in it is an error."""
        money = data.get("currency")
        money = money if isinstance(money, Mapping) else {}
        symbol = _label(money.get("currency_symbol"))
        if not symbol or "<" in symbol or len(symbol) > LONGEST_SYMBOL:
            symbol = _label(money.get("currency_code_iso"))[:LONGEST_SYMBOL]
        company_id = str(data.get("COMPANY_ID") or "")[:LONGEST_COMPANY]
        return cls(_label(data.get("company_name"))[:LONGEST_COMPANY], symbol, company_id)


@dataclass(frozen=True)
class GroupList:
    """An answer of clients.getGroups: the groups in Poster's order, and the rows that could not be read."""

    groups: tuple[Group, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    digest: str = ""
    """Of the answer's bytes: two lists with the same one are the same."""

    @cached_property
    def present(self) -> tuple[Group, ...]:
        """The groups that are not removed; a list that is kept looks through thousands once."""
        return tuple(filterfalse(attrgetter("removed"), self.groups))

    @classmethod
    def from_wire(cls, rows: list[Any], digest: str = "") -> "GroupList":
        """Read the rows of an answer."""
        return cls.from_rows([read_row(row) for row in rows], digest)

    @classmethod
    def from_rows(cls, rows: "list[Group | UnreadableRow]", digest: str) -> "GroupList":
        """Sort out the rows."""
        return cls(*sort_out(rows), digest)


def read_row(row: object) -> "Group | UnreadableRow":
    """Return the group of a row, or why there is none."""
    try:
        return Group.from_wire(row)
    except UnreadableRow as error:
        return error


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


def sort_out[T: _HasId](
    rows: "Iterable[T | UnreadableRow]",
) -> tuple[tuple[T, ...], tuple[UnreadableRow, ...]]:
    """Return the records and the unreadable rows. The second row of an id is one: which holds is unknown."""
    rows = tuple(rows)
    if UnreadableRow not in set(map(type, rows)) and len(set(map(attrgetter("id"), rows))) == len(rows):
        return cast("tuple[T, ...]", rows), ()  # as nearly always, and in no time
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
    """Return a decimal in plain digits, without exponent and trailing zeros: `12.5`, `10`, `0`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def storable(text: str) -> str:
    """Return the text without what no database takes and no page can show: NUL and halves of characters."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def fold(name: str) -> str:
    """Return the name by which two groups are taken for the same one: case, spaces and forms folded."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def read_id(row: Mapping[Any, Any], field: str) -> int:
    """Return the id in a field. Raises `UnreadableRow`, as all of these do."""
    number = read_integer(row, field)
    if not 1 <= number <= MAX_ID:
        raise UnreadableRow(f"{field} is out of range")
    return number


def read_words(row: Mapping[Any, Any], field: str) -> str:
    """Return the plain text of a field that may hold HTML entities."""
    words = html.unescape(read_text(row, field)).replace("\0", "\N{REPLACEMENT CHARACTER}")
    if words != storable(words):
        raise UnreadableRow(f"{field} holds half a character")
    return words


def read_text(row: Mapping[Any, Any], field: str) -> str:
    """Return a field as it came."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UnreadableRow(f"{field} is missing or not a text")
    return str(value)


def _switch(row: Mapping[Any, Any], field: str) -> str | None:
    if row.get(field) is None:
        return None
    value = read_text(row, field)
    if value != storable(value):
        raise UnreadableRow(f"{field} is not a text")
    return value


def _label(value: object) -> str:
    return storable(html.unescape(value)).strip() if isinstance(value, str) else ""


def _number(row: Mapping[Any, Any], field: str, shape: re.Pattern[str]) -> Decimal:
    value = row.get(field)
    text = str(value) if isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool) else ""
    if not shape.fullmatch(text):
        raise UnreadableRow(f"{field} is missing or not a number")
    number = Decimal(text)
    if number.is_signed():
        raise UnreadableRow(f"{field} is negative")
    return number


def read_integer(row: Mapping[Any, Any], field: str) -> int:
    """Return a whole number that is not negative."""
    return int(_number(row, field, _INTEGER))


def read_decimal(row: Mapping[Any, Any], field: str, *, maximum: Decimal) -> Decimal:
    """Return a number between 0 and `maximum`."""
    number = _number(row, field, _DECIMAL)
    if number > maximum:
        raise UnreadableRow(f"{field} is above {maximum}")
    return Decimal(plain(number))
