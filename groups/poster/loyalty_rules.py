"""Define the records of Poster's loyalty rules, which move clients from group to group.

Source: the Poster API documentation, section clients (marketing). The methods that write rules are documented
without their parameters, so rules are only read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from groups.poster.fields import (
    UnreadableRow,
    is_told,
    read_decimal,
    read_id,
    read_integer,
    readable,
    sort_out,
)

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
    def from_wire(cls, row: Mapping[Any, Any]) -> Self:
        """Parse one rule of a response. Raises `UnreadableRow` if its sum or its group cannot be read."""
        return cls(
            id=read_id(row, "rule_id"),
            group_id=read_id(row, "group_id"),
            value=read_decimal(row, "value", maximum=_LARGEST_SUM),
            loyalty_type=read_integer(row, "loyalty_type") if is_told(row, "loyalty_type") else None,
        )


@dataclass(frozen=True, slots=True)
class LoyaltyRuleList:
    """A response of clients.getLoyaltyRules: the rules, and the rows that could not be read."""

    rules: tuple[LoyaltyRule, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()

    @classmethod
    def from_wire(cls, rows: list[Any]) -> Self:
        return cls(*sort_out(readable(LoyaltyRule.from_wire, rows, "rule_id")))
