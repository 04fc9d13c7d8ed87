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
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from itertools import filterfalse
from operator import attrgetter
from typing import Any, Protocol, Self, cast

import msgspec

_INTEGER = re.compile(r"-?[0-9]{1,15}(?:\.0+)?", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?", re.ASCII)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
MAX_ID = 2**31 - 1
LONGEST_NUMBER = 15
KOPECKS = Decimal(100)
HIGHEST_PERCENT = Decimal(100)
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


class GroupValues(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The values of a group that a write sends: all of them, always.

    What Poster does with a field left out is not documented, so `use_ewallet` goes back exactly as it was
    read, and is not sent where it was not read.

    A list has thousands: a struct of msgspec is made in a tenth of the time of a frozen dataclass.
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
        values = msgspec.structs.asdict(self)
        return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}

    def replace(self, **changes: Any) -> Self:
        """Return the record with these values changed."""
        return msgspec.structs.replace(self, **changes)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the record from what `to_json` wrote; keys of a richer record are left out."""
        return msgspec.convert(data, cls)


class Group(GroupValues, frozen=True, kw_only=True, gc=False):
    """A marketing (loyalty) client group, as Poster has it.

    `loyalty_type` may be a number that nobody has documented: see `is_editable`. `removed` groups are ones
    that Poster still lists with `delete="1"`.
    """

    id: int
    clients: int
    removed: bool = False

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
                percent=read_decimal(row, "client_groups_discount", maximum=HIGHEST_PERCENT),
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
    body: bytes = field(default=b"", repr=False)
    """The bytes of the answer, as `parsing.read_groups` takes them."""

    @cached_property
    def present(self) -> tuple[Group, ...]:
        """The groups that are not removed; a list that is kept looks through thousands once."""
        return tuple(filterfalse(attrgetter("removed"), self.groups))

    @classmethod
    def from_wire(cls, rows: list[Any]) -> "GroupList":
        """Read the rows of an answer, each as far as it can be read."""
        return cls(*sort_out(map(read_row, rows)))

    @classmethod
    def from_documented(cls, body: bytes) -> "GroupList | None":
        """Read an answer that is exactly as documented, in a fraction of the time; None for any other."""
        try:
            rows = _documented.decode(body).response
            if _has_each_key_once(body, rows):
                return cls(*sort_out(_to_groups(rows)))
        except (msgspec.DecodeError, ValueError):
            pass
        return None


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


class _DocumentedRow(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row of clients.getGroups as documented: texts alone."""

    client_groups_id: str
    client_groups_name: str
    loyalty_type: str
    client_groups_discount: str
    birthday_bonus: str
    count_groups_clients: str
    use_ewallet: str | None = None
    delete: str | None = None


class _Documented(msgspec.Struct, forbid_unknown_fields=True):
    response: list[_DocumentedRow]


_documented = msgspec.json.Decoder(_Documented)


def _has_each_key_once(body: bytes, rows: list[_DocumentedRow]) -> bool:
    """Return True if no key is there twice: the decoder would keep one of them in silence.

    Each key and each text has two quotes, so one that was dropped leaves more than the rows account for.
    """
    if b"\\\\" in body:
        return False  # a quote behind two backslashes ends a text, one behind a single backslash does not
    missing = [row.use_ewallet for row in rows].count(None) + [row.delete for row in rows].count(None)
    texts = 1 + 2 * len(_DocumentedRow.__struct_fields__) * len(rows) - 2 * missing
    return body.count(b'"') - body.count(b'\\"') == 2 * texts


def _to_groups(rows: list[_DocumentedRow]) -> list[Group]:
    """Return the groups. Raises ValueError for whatever `Group.from_wire` would have to look at closely."""
    # Percents and bonuses repeat, so each of their texts is read once.
    percents = {text: _percent(text) for text in {row.client_groups_discount for row in rows}}
    bonuses = {text: Decimal(_digits(text)) / KOPECKS for text in {row.birthday_bonus for row in rows}}
    if not {row.use_ewallet for row in rows} <= {None, "0", "1"}:
        raise ValueError
    return [
        Group(
            id=_id(row.client_groups_id),
            name=_unescaped(row.client_groups_name),
            loyalty_type=_digits(row.loyalty_type),
            percent=percents[row.client_groups_discount],
            birthday_bonus=bonuses[row.birthday_bonus],
            clients=_digits(row.count_groups_clients),
            use_ewallet=row.use_ewallet,
            removed=row.delete is not None and _digits(row.delete) != 0,
        )
        for row in rows
    ]


def _digits(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
        return int(text)
    raise ValueError


def _id(text: str) -> int:
    number = _digits(text)
    if 1 <= number <= MAX_ID:
        return number
    raise ValueError


def _percent(text: str) -> Decimal:
    return read_decimal({"percent": text}, "percent", maximum=HIGHEST_PERCENT)


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
    words = _unescaped(read_text(row, field))
    if words != storable(words):
        raise UnreadableRow(f"{field} holds half a character")
    return words


def _unescaped(text: str) -> str:
    return html.unescape(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


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
