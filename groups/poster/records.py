"""Define the records of groups and settings, and convert them from and to Poster's wire format.

In the wire format every value is a string; money is read in kopecks and written in hryvnia with two decimals;
names may contain HTML entities; the id of a group has two names. In a record money and percents are `Decimal`
(hryvnia, percent), names are plain text and ids are ints.

Source: the Poster API documentation, section clients (marketing).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any, Self

import msgspec

from groups.poster.fields import (
    KOPECKS,
    label,
    plain,
    read_decimal,
    read_id,
    read_integer,
    read_switch,
    read_words,
    storable,
)

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

        The bonus is in hryvnia with two decimals, as the document in tests/seed says; `in_kopecks` writes
        kopecks, as Poster's later pages say, for an account that is known to expect them.
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
