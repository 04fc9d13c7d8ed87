"""Define the records of groups, settings, promotions, loyalty rules and sales, converted from Poster's wire.

In the wire format every value is a string; money is read in kopecks and written in hryvnia with two decimals;
names may contain HTML entities; the id of a group has two names. In a record money and percents are `Decimal`
(hryvnia, percent), names are plain text and ids are ints.

Loyalty rules move clients from group to group. The methods that write them are documented without their
parameters, so they are only read.

The sums of a client are personal data, so the `repr` of the records of sales, and with it any traceback, has
none. The names in their rows are not read: sums need no names.

Source: the Poster API documentation, sections clients (marketing) and dash (statistics).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from functools import partial
from typing import Annotated, Any, Self, get_type_hints

import msgspec

from groups.poster.fields import (
    KOPECKS,
    UnreadableRow,
    label,
    plain,
    read_decimal,
    read_given,
    read_hryvnia,
    read_id,
    read_integer,
    read_money,
    read_percent,
    read_rows,
    read_switch,
    read_words,
    storable,
)

LONGEST_SYMBOL, LONGEST_COMPANY = 8, 200


class LoyaltyType(IntEnum):
    """The reward of a group: bonuses for later, or an immediate discount."""

    BONUS = 1
    DISCOUNT = 2


DOCUMENTED_TYPES = frozenset(LoyaltyType)


class FieldKind(StrEnum):
    """The unit of a field of a group, by which it is read, written, compared and shown."""

    TEXT = "text"  # two ways to compose a letter, and blanks around, are no difference
    TYPE = "type"
    PERCENT = "percent"
    MONEY = "money"  # hryvnia
    SWITCH = "switch"  # Poster may leave it out: that is no difference, and it is sent as it was read


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """Declares a field of `GroupValues`: its name on the wire, and whether it is of the clients' terms."""

    wire: str
    kind: FieldKind
    term: bool = False


class GroupValues(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The values of a group; a write always sends all of them.

    Poster does not document the effect of a missing field. So `use_ewallet` is sent exactly as it was read,
    and not sent if it was not read.

    All that handles each field is derived from these lines, as GROUP_FIELDS. A list can have thousands of
    groups, and a msgspec struct is created ten times faster than a dataclass.
    """

    name: Annotated[str, FieldSpec("client_groups_name", FieldKind.TEXT)]
    loyalty_type: Annotated[int, FieldSpec("loyalty_type", FieldKind.TYPE, term=True)]
    percent: Annotated[Decimal, FieldSpec("client_groups_discount", FieldKind.PERCENT, term=True)]
    birthday_bonus: Annotated[Decimal, FieldSpec("birthday_bonus", FieldKind.MONEY, term=True)] = Decimal(0)
    use_ewallet: Annotated[str | None, FieldSpec("use_ewallet", FieldKind.SWITCH)] = None

    @property
    def effective_bonus(self) -> Decimal:
        """The birthday bonus that clients get: a group with a discount may store one, and gives none."""
        return self.birthday_bonus if self.loyalty_type == LoyaltyType.BONUS else Decimal(0)

    def to_wire(self, *, in_kopecks: bool = False) -> dict[str, str]:
        """Return the form fields of clients.createGroup and clients.updateGroup.

        The bonus is in hryvnia with two decimals, as the document in tests/seed says; `in_kopecks` writes
        kopecks, as Poster's later pages say, for an account that is known to expect them.
        """
        wire = {}
        for name, each in GROUP_FIELDS.items():
            match each.kind, getattr(self, name):
                case _, None:
                    continue
                case FieldKind.TYPE, value:
                    wire[each.wire] = str(int(value))
                case FieldKind.PERCENT, value:
                    wire[each.wire] = plain(value)
                case FieldKind.MONEY, value:
                    wire[each.wire] = f"{value * KOPECKS if in_kopecks else value:.2f}"
                case _, value:
                    wire[each.wire] = value
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


GROUP_FIELDS: dict[str, FieldSpec] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(GroupValues, include_extras=True).items()
}
"""The declaration of each field of a group, in their order."""
_READERS: dict[FieldKind, Callable[[Mapping[Any, Any], str], Any]] = {
    FieldKind.TEXT: read_words,
    FieldKind.TYPE: read_integer,
    FieldKind.PERCENT: read_percent,
    FieldKind.MONEY: lambda row, wire: Decimal(read_integer(row, wire)) / KOPECKS,
    FieldKind.SWITCH: read_switch,
}


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
        return GroupValues(**{name: getattr(self, name) for name in GROUP_FIELDS})

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any]) -> "Group":
        """Raise `UnreadableRow` for anything that does not match the documentation."""
        return cls(
            id=read_id(row, "client_groups_id"),
            clients=read_integer(row, "count_groups_clients"),
            **{name: _READERS[each.kind](row, each.wire) for name, each in GROUP_FIELDS.items()},
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


# --- Promotions ---------------------------------------------------------------------------------------------


_FOR_GROUPS = 4
"""The `clients_type` of a promotion that is limited to some client groups."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion and the groups that it is limited to; no groups if it is not limited by group."""

    id: int
    name: str
    group_ids: frozenset[int] = frozenset()

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any]) -> Self:
        promotion_id, name, params = read_id(row, "promotion_id"), read_words(row, "name"), row.get("params")
        if not isinstance(params, Mapping):
            raise UnreadableRow("params is missing or not an object")
        if read_given(read_integer, params, "clients_type", None) != _FOR_GROUPS:
            return cls(promotion_id, name)
        named = params.get("clients_groups")
        if not isinstance(named, list):
            raise UnreadableRow("clients_groups is missing or not a list")
        ids = frozenset(read_id({"clients_groups": each}, "clients_groups") for each in named)
        return cls(promotion_id, name, ids)


@dataclass(frozen=True, slots=True)
class PromotionList:
    promotions: tuple[Promotion, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()

    @classmethod
    def from_wire(cls, rows: list[Any]) -> Self:
        return cls(*read_rows(Promotion.from_wire, rows, "promotion_id"))


# --- Loyalty rules ------------------------------------------------------------------------------------------


_LARGEST_SUM = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class LoyaltyRule:
    """A client who has paid `value` in all moves to the group `group_id`.

    The documentation does not say the unit of `value`: its samples are plausible as hryvnia, and it is taken
    for that. `loyalty_type` is None if Poster returns none.
    """

    id: int
    group_id: int
    value: Decimal
    loyalty_type: int | None = None

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any], *, in_kopecks: bool = False) -> Self:
        return cls(
            id=read_id(row, "rule_id"),
            group_id=read_id(row, "group_id"),
            value=read_decimal(row, "value", maximum=_LARGEST_SUM) / (KOPECKS if in_kopecks else 1),
            loyalty_type=read_given(read_integer, row, "loyalty_type", None),
        )


@dataclass(frozen=True, slots=True)
class LoyaltyRuleList:
    rules: tuple[LoyaltyRule, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()

    @classmethod
    def from_wire(cls, rows: list[Any], *, in_kopecks: bool = False) -> Self:
        return cls(*read_rows(partial(LoyaltyRule.from_wire, in_kopecks=in_kopecks), rows, "rule_id"))


# --- Sales --------------------------------------------------------------------------------------------------


CUT = 1_000
"""A list with exactly so many rows may have been cut."""
_NOBODY = "0"
"""The `client_id` of sales to nobody known, should Poster list them: they are in no group."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientSales:
    """The sales to one client in a period.

    `total` is the sum of the orders before discounts, `revenue` the sum that was paid; both are in hryvnia,
    and negative if more came back than was bought. `receipts` is the number of receipts: `clients`, and
    `clienst` in one sample of the documentation.
    """

    id: int
    total: Decimal
    revenue: Decimal
    receipts: int

    def __repr__(self) -> str:
        return f"<ClientSales {self.id}>"

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any], *, in_hryvnia: bool = False) -> Self:
        counted = "clients" if row.get("clients") is not None else "clienst"
        read_sum = read_hryvnia if in_hryvnia else read_money
        return cls(
            id=read_id(row, "client_id"),
            total=read_sum(row, "sum"),
            revenue=read_sum(row, "revenue"),
            receipts=read_integer(row, counted),
        )


@dataclass(frozen=True, slots=True)
class SalesList:
    """A response of dash.getClientsSales: the sales of each client, and the rows that could not be read.

    `size` is the number of all rows. `lost` counts the rows without a client that still have a name: somebody
    may lack that row.
    """

    sales: tuple[ClientSales, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    size: int = field(default=0, compare=False)
    lost: int = field(default=0, compare=False)

    @property
    def may_be_cut(self) -> bool:
        return self.size == CUT

    @classmethod
    def from_wire(cls, rows: Iterable[Any], *, in_hryvnia: bool = False) -> Self:
        """Parse the rows of a response; collect those that cannot be read, and leave out nobody's sales."""
        size = lost = 0

        def known() -> Iterator[Any]:
            nonlocal size, lost
            for row in rows:
                size += 1
                if not isinstance(row, Mapping) or str(row.get("client_id")) != _NOBODY:
                    yield row
                else:
                    names = (str(row.get(name) or "").strip() for name in ("firstname", "lastname"))
                    lost += any(name not in ("", _NOBODY) for name in names)

        found = read_rows(partial(ClientSales.from_wire, in_hryvnia=in_hryvnia), known(), "client_id")
        return cls(*found, size, lost)
