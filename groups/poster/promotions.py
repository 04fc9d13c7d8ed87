"""Define the records of promotions, and parse them from Poster's wire format.

Source: the Poster API documentation, section clients (marketing).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from groups.poster.fields import UnreadableRow, is_told, read_id, read_integer, read_words, readable, sort_out

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
        """Parse one promotion of a response. Raises `UnreadableRow` if its groups cannot be read."""
        promotion_id, name, params = read_id(row, "promotion_id"), read_words(row, "name"), row.get("params")
        if not isinstance(params, Mapping):
            raise UnreadableRow("params is missing or not an object")
        if not is_told(params, "clients_type") or read_integer(params, "clients_type") != _FOR_GROUPS:
            return cls(promotion_id, name)
        named = params.get("clients_groups")
        if not isinstance(named, list):
            raise UnreadableRow("clients_groups is missing or not a list")
        ids = frozenset(read_id({"clients_groups": each}, "clients_groups") for each in named)
        return cls(promotion_id, name, ids)


@dataclass(frozen=True, slots=True)
class PromotionList:
    """A response of clients.getPromotions: the promotions, and the rows that could not be read."""

    promotions: tuple[Promotion, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()

    @classmethod
    def from_wire(cls, rows: list[Any]) -> Self:
        return cls(*sort_out(readable(Promotion.from_wire, rows, "promotion_id")))
