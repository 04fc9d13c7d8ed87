"""Define the records of groups and settings, and convert them from and to Poster's wire format.

In the wire format every value is a string; money is read in kopecks and written in hryvnia with two decimals;
names may contain HTML entities; the id of a group has two names. In a record money and percents are `Decimal`
(hryvnia, percent), names are plain text and ids are ints.

Source: the Poster API documentation, section clients (marketing).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from itertools import filterfalse
from operator import attrgetter
from typing import Any, Self

import msgspec

from groups.poster.fields import (
    KOPECKS,
    MAX_ID,
    UnreadableRow,
    label,
    plain,
    read_decimal,
    read_id,
    read_integer,
    read_switch,
    read_words,
    readable,
    sort_out,
    storable,
    unescaped,
)

LONGEST_NUMBER = 15
HIGHEST_PERCENT = Decimal(100)
LONGEST_SYMBOL, LONGEST_COMPANY = 8, 200


class LoyaltyType(IntEnum):
    """The reward of a group: bonuses for later, or an immediate discount."""

    BONUS = 1
    DISCOUNT = 2


DOCUMENTED_TYPES = frozenset(LoyaltyType)


class GroupValues(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The values of a group; a write always sends all of them.

    Poster does not document the effect of a missing field. So `use_ewallet` is sent exactly as it was read,
    and not sent if it was not read.

    A list can have thousands of groups, and a msgspec struct is created ten times faster than a dataclass.
    """

    name: str
    loyalty_type: int
    percent: Decimal
    birthday_bonus: Decimal = Decimal(0)
    use_ewallet: str | None = None

    @property
    def effective_bonus(self) -> Decimal:
        """The birthday bonus that clients get: a group with a discount may store one, and gives none."""
        return self.birthday_bonus if self.loyalty_type == LoyaltyType.BONUS else Decimal(0)

    def to_wire(self, *, in_kopecks: bool = False) -> dict[str, str]:
        """Return the form fields of clients.createGroup and clients.updateGroup.

        The bonus is in hryvnia with two decimals, as documented; `in_kopecks` writes kopecks for an account
        that is known to expect them.
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
        """Return the values (hryvnia, percent) as plain JSON, for the journal and caches."""
        values = msgspec.structs.asdict(self)
        return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these values changed."""
        return msgspec.structs.replace(self, **changes)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the record from the result of `to_json`; additional keys are ignored."""
        return msgspec.convert(data, cls)


class Group(GroupValues, frozen=True, kw_only=True, gc=False):
    """A client group (loyalty group) as stored at Poster.

    `loyalty_type` may be an undocumented number, see `is_editable`. `removed` is True for a group that Poster
    still lists with `delete="1"`.
    """

    id: int
    clients: int
    removed: bool = False

    @property
    def is_bonus(self) -> bool:
        return self.loyalty_type == LoyaltyType.BONUS

    @property
    def is_editable(self) -> bool:
        """Return True if the loyalty type is documented, so that it is known what a write would send."""
        return self.loyalty_type in DOCUMENTED_TYPES

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
    def from_wire(cls, row: Mapping[Any, Any]) -> "Group":
        """Parse one group of a response.

        Numbers may be strings, as documented, or JSON numbers. Raises `UnreadableRow` for anything else that
        does not match the documentation: no value is clamped or invented.
        """
        return cls(
            id=read_id(row, "client_groups_id"),
            name=read_words(row, "client_groups_name"),
            loyalty_type=read_integer(row, "loyalty_type"),
            percent=read_decimal(row, "client_groups_discount", maximum=HIGHEST_PERCENT),
            birthday_bonus=Decimal(read_integer(row, "birthday_bonus")) / KOPECKS,
            clients=read_integer(row, "count_groups_clients"),
            use_ewallet=read_switch(row, "use_ewallet"),
            removed=row.get("delete") is not None and read_integer(row, "delete") != 0,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """The company data of settings.getAllSettings; a missing value is an empty text.

    `currency` is the symbol, or the ISO code if Poster returns the symbol as HTML. `company_id` identifies
    the company independently of its account's name.
    """

    company_name: str = ""
    currency: str = ""
    company_id: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[Any, Any]) -> "Settings":
        """Parse a response; every value is optional, so nothing in it is an error."""
        money = data.get("currency")
        money = money if isinstance(money, Mapping) else {}
        symbol = label(money.get("currency_symbol"))
        if not symbol or "<" in symbol or len(symbol) > LONGEST_SYMBOL:
            symbol = label(money.get("currency_code_iso"))[:LONGEST_SYMBOL]
        company_id = storable(str(data.get("COMPANY_ID") or ""))[:LONGEST_COMPANY]
        return cls(label(data.get("company_name"))[:LONGEST_COMPANY], symbol, company_id)


@dataclass(frozen=True, slots=True)
class GroupTotals:
    """Numbers of a whole list of groups: its clients, and its groups by type and by percent."""

    clients: int
    of_type: Counter[int]
    of_percent: Counter[Decimal]
    without_clients: int

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Self:
        clients = [group.clients for group in groups]
        return cls(
            clients=sum(clients),
            of_type=Counter(map(attrgetter("loyalty_type"), groups)),
            of_percent=Counter(map(attrgetter("percent"), groups)),
            without_clients=clients.count(0),
        )


@dataclass(frozen=True)
class GroupList:
    """A response of clients.getGroups: the groups in Poster's order, and the rows that could not be read."""

    groups: tuple[Group, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    body: bytes = field(default=b"", repr=False)
    """The body of the response, as `parsing.read_groups` takes it."""

    @cached_property
    def present(self) -> tuple[Group, ...]:
        """The groups that are not removed, computed once because a list may be cached."""
        return tuple(filterfalse(attrgetter("removed"), self.groups))

    @cached_property
    def totals(self) -> GroupTotals:
        """The totals of the groups that are not removed, computed once like these."""
        return GroupTotals.of(self.present)

    @cached_property
    def digest(self) -> str:
        """The digest of the body: equal digests mean equal groups."""
        return hashlib.sha256(self.body).hexdigest()

    @classmethod
    def from_wire(cls, rows: list[Any]) -> "GroupList":
        """Parse the rows of a response; collect those that cannot be read."""
        return cls(*sort_out(readable(Group.from_wire, rows, "client_groups_id")))

    @classmethod
    def from_documented(cls, body: bytes) -> "GroupList | None":
        """Parse a response that exactly matches the documentation, or return None.

        This is a fast path: it takes a fraction of the time of `from_wire`.
        """
        try:
            rows = _documented.decode(body).response
            if _has_each_key_once(body, rows):
                return cls(*sort_out(_to_groups(rows)))
        except (msgspec.DecodeError, ValueError):
            pass
        return None


class _DocumentedRow(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row of clients.getGroups as documented: every value is a text."""

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
    """Return True if no object has the same key twice: the decoder would silently keep only one of them.

    Each key and each text has two quotes. If the decoder dropped a key, the body has more quotes than the
    rows need.
    """
    quotes = body.count(b'"')
    if b"\\" in body:
        if b"\\\\" in body:
            return (
                False  # after two backslashes a quote ends the text, after one it does not: cannot be counted
            )
        quotes -= body.count(b'\\"')
    missing = [row.use_ewallet for row in rows].count(None) + [row.delete for row in rows].count(None)
    texts = 1 + 2 * len(_DocumentedRow.__struct_fields__) * len(rows) - 2 * missing
    return quotes == 2 * texts


def _to_groups(rows: list[_DocumentedRow]) -> list[Group]:
    """Return the groups. Raises `ValueError` for any value that needs the checks of `Group.from_wire`."""
    # Look at all texts at once, and parse those that repeat only once: a list has thousands of them.
    ids = [row.client_groups_id for row in rows]
    clients = [row.count_groups_clients for row in rows]
    types = {row.loyalty_type for row in rows}
    bonuses = {row.birthday_bonus for row in rows}
    numbers = [*ids, *clients, *types, *bonuses]
    if not _are_digits(numbers) or max(map(len, numbers), default=0) > LONGEST_NUMBER:
        raise ValueError
    whole_ids = list(map(int, ids))
    if not 1 <= min(whole_ids, default=1) <= max(whole_ids, default=1) <= MAX_ID:
        raise ValueError
    switches = {row.use_ewallet for row in rows} | {row.delete for row in rows}
    if not switches <= {None, "0", "1"}:
        raise ValueError
    percent_of = {text: _percent(text) for text in {row.client_groups_discount for row in rows}}
    bonus_of = {text: Decimal(text) / KOPECKS for text in bonuses}
    type_of = {text: int(text) for text in types}
    return [
        Group(
            id=group_id,
            name=unescaped(name) if "&" in (name := row.client_groups_name) or "\0" in name else name,
            loyalty_type=type_of[row.loyalty_type],
            percent=percent_of[row.client_groups_discount],
            birthday_bonus=bonus_of[row.birthday_bonus],
            clients=members,
            use_ewallet=row.use_ewallet,
            removed=row.delete == "1",
        )
        for row, group_id, members in zip(rows, whole_ids, map(int, clients), strict=True)
    ]


def _are_digits(texts: list[str]) -> bool:
    """Return True if each text has ASCII digits, and nothing else."""
    joined = "".join(texts)
    return all(texts) and (not joined or (joined.isascii() and joined.isdigit()))


def _percent(text: str) -> Decimal:
    return read_decimal({"percent": text}, "percent", maximum=HIGHEST_PERCENT)
