"""Define the contents of JSON columns: one frozen dataclass for each shape."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from groups.poster import Group, GroupValues


class Content:
    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return content

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return msgspec.convert(data or {}, cls)


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """`loaded` of a group's change: the values when its form was opened, and for a removal its clients."""

    values: GroupValues | None = None
    clients: int | None = None

    def to_json(self) -> dict[str, Any] | None:
        if self.values is None:
            return None
        return self.values.to_json() | ({} if self.clients is None else {"clients": self.clients})

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return cls(GroupValues.from_json(data), data.get("clients")) if data else cls()


@dataclass(frozen=True, slots=True)
class RecordIds(Content):
    """`before` of a creation: the ids that existed. `after` of a change in review: the ids to choose from."""

    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientPlace(Content):
    """`loaded` and `intended` of a client's move: the id of a group."""

    group_id: int


@dataclass(frozen=True, slots=True)
class ClientBefore(Content):
    """`before` of a client's change: the client's group, and HMACs of the fields while the change is open."""

    group_id: int | None = None
    field_hmacs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {} if self.group_id is None else {"group_id": self.group_id}
        return content | ({"field_hmacs": dict(self.field_hmacs)} if self.field_hmacs else {})


@dataclass(frozen=True, slots=True)
class ClientAfter(Content):
    """`after` of a client's change: the client's group, and the names of other fields that changed."""

    group_id: int
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewClient(Content):
    """`intended` of a client's creation: the group, the snapshot, and the old id of the client in it."""

    group_id: int
    snapshot: str
    client: int


type Pairs = tuple[tuple[int, int, int], ...]
"""Ids of a group that clients leave and of the one that they go to, and the number of these clients."""


@dataclass(frozen=True, slots=True)
class Effect(Content):
    """The present effect of a write: the groups that it writes or moves out of, a move's target, the clients.

    `clients` counts those concerned in Poster's list of clients; the `clients` of the groups are Poster's
    counters, which may be late. `pairs` are there where it is read who moves.
    """

    groups: tuple[Group, ...] = ()
    target: Group | None = None
    clients: int = 0
    pairs: Pairs = ()

    @property
    def group(self) -> Group | None:
        return self.groups[0] if self.groups else None

    @property
    def all_groups(self) -> tuple[Group, ...]:
        return (*self.groups, self.target) if self.target else self.groups

    @property
    def mark(self) -> str:
        terms = [(group.id, group.values.to_json()) for group in self.all_groups]
        # Where groups are written, the page shows how many clients each of them has.
        counts = () if self.pairs or self.target else [group.clients for group in self.groups]
        seen = terms, self.clients, sorted(self.pairs), counts
        return hashlib.blake2b(repr(seen).encode(), digest_size=16).hexdigest()
