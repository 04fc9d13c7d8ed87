"""Define the list of groups, with its totals, and read it from a response.

A response that exactly matches the documentation is read in a fraction of the time that `Group.from_wire`
takes for its rows; any other one is read by that.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import filterfalse
from operator import attrgetter
from typing import Any, Self, overload

import msgspec

from groups.poster.fields import (
    KOPECKS,
    MAX_ID,
    UnreadableRow,
    read_percent,
    read_rows,
    sort_out,
    unescaped,
)
from groups.poster.records import GROUP_FIELDS, Group

LONGEST_NUMBER = 15
_KNOWN = {
    "client_groups_id",
    "count_groups_clients",
    "delete",
    *(each.wire for each in GROUP_FIELDS.values()),
}


@dataclass(frozen=True, slots=True)
class GroupTotals:
    clients: int
    of_type: Counter[int]

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Self:
        of_type = Counter(group.loyalty_type for group in groups)
        return cls(clients=sum(group.clients for group in groups), of_type=of_type)


@dataclass(frozen=True)
class GroupList:
    """A response of clients.getGroups: the groups in Poster's order, and the rows that could not be read."""

    groups: Sequence[Group] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    body: bytes = field(default=b"", repr=False)
    """The body of the response, as `parsing.read_groups` takes it."""
    unknown: frozenset[str] = frozenset()
    """Fields that this program does not know: each list with one takes the slow way."""

    @cached_property
    def present(self) -> Sequence[Group]:
        """The groups that are not removed, computed once because a list may be cached."""
        if isinstance(self.groups, DocumentedGroups):
            return self.groups.present()
        return tuple(filterfalse(attrgetter("removed"), self.groups))

    @cached_property
    def totals(self) -> GroupTotals:
        if isinstance(self.present, DocumentedGroups):
            return self.present.totals()
        return GroupTotals.of(self.present)

    @cached_property
    def digest(self) -> str:
        """The digest of the body: equal digests mean equal groups."""
        return hashlib.sha256(self.body).hexdigest()

    @classmethod
    def from_wire(cls, rows: list[Any]) -> "GroupList":
        keys = {str(key) for row in rows if isinstance(row, dict) for key in row}
        return cls(*read_rows(Group.from_wire, rows, "client_groups_id"), unknown=frozenset(keys - _KNOWN))

    @classmethod
    def from_documented(cls, body: bytes) -> "GroupList | None":
        """Parse a response that exactly matches the documentation, or return None.

        This is a fast path: it takes a fraction of the time of `from_wire`.
        """
        try:
            rows = _documented.decode(body).response
            if _has_each_key_once(body, rows):
                groups, ids = DocumentedGroups(rows), _checked_ids(rows)
                return cls(groups) if len(ids) == len(rows) else cls(*sort_out(groups))
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


def _checked_ids(rows: list[_DocumentedRow]) -> set[int]:
    """Return the ids. Raises `ValueError` for any value that needs the checks of `Group.from_wire`."""
    # Look at all texts at once, and parse those that repeat only once: a list has thousands of them.
    ids = [row.client_groups_id for row in rows]
    others = {row.loyalty_type for row in rows} | {row.birthday_bonus for row in rows}
    numbers = [*ids, *others, *[row.count_groups_clients for row in rows]]
    digits = "".join(numbers)
    if not all(numbers) or (digits and not (digits.isascii() and digits.isdigit())):
        raise ValueError
    if max(map(len, numbers), default=0) > LONGEST_NUMBER:
        raise ValueError
    if not {row.use_ewallet for row in rows} | {row.delete for row in rows} <= {None, "0", "1"}:
        raise ValueError
    for text in {row.client_groups_discount for row in rows}:
        _percent(text)
    whole = set(map(int, ids))
    if not 1 <= min(whole, default=1) <= max(whole, default=1) <= MAX_ID:
        raise ValueError
    return whole


class DocumentedGroups(Sequence[Group]):
    """The groups of a response that exactly matches the documentation, made when they are requested.

    A page shows fifty of thousands, and to make a group takes as long as to decode its row. They are equal to
    the same groups in any other sequence.
    """

    def __init__(self, rows: list[_DocumentedRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Group: ...
    @overload
    def __getitem__(self, place: slice) -> list[Group]: ...
    def __getitem__(self, place: int | slice) -> Group | list[Group]:
        if isinstance(place, slice) and "_all" not in vars(self):
            return _to_groups(self._rows[place])
        return self._all[place]

    def __iter__(self) -> Iterator[Group]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self._all))

    @cached_property
    def _all(self) -> list[Group]:
        return _to_groups(self._rows)

    def present(self) -> "DocumentedGroups":
        """Return those that are not removed: mostly these themselves."""
        rows = [row for row in self._rows if row.delete != "1"]
        return self if len(rows) == len(self) else DocumentedGroups(rows)

    def totals(self) -> GroupTotals:
        of_type = Counter(int(row.loyalty_type) for row in self._rows)
        return GroupTotals(sum(int(row.count_groups_clients) for row in self._rows), of_type)


def _to_groups(rows: list[_DocumentedRow]) -> list[Group]:
    percent_of = {text: _percent(text) for text in {row.client_groups_discount for row in rows}}
    bonus_of = {text: Decimal(text) / KOPECKS for text in {row.birthday_bonus for row in rows}}
    return [
        Group(
            id=int(row.client_groups_id),
            name=unescaped(name) if "&" in (name := row.client_groups_name) or "\0" in name else name,
            loyalty_type=int(row.loyalty_type),
            percent=percent_of[row.client_groups_discount],
            birthday_bonus=bonus_of[row.birthday_bonus],
            clients=int(row.count_groups_clients),
            use_ewallet=row.use_ewallet,
            removed=row.delete == "1",
        )
        for row in rows
    ]


def _percent(text: str) -> Decimal:
    return read_percent({"percent": text}, "percent")
