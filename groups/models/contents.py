"""Define the contents of the journal's JSON columns: one frozen dataclass for each shape.

The values of a group are `GroupValues` and `Group` of the client package. They have the same two methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from groups.poster import GroupValues


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """`loaded` of a group's change: the values when its form was opened, and for a removal its clients."""

    values: GroupValues | None
    clients: int | None = None

    def to_json(self) -> dict[str, Any] | None:
        """Return the content of the column."""
        if self.values is None:
            return None
        return self.values.to_json() | ({} if self.clients is None else {"clients": self.clients})

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`."""
        return cls(GroupValues.from_json(data), data.get("clients")) if data else cls(None)


@dataclass(frozen=True, slots=True)
class RecordIds:
    """`before` of a creation: the ids that existed. `after` of a change in review: the ids to choose from."""

    ids: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of the column."""
        return {"ids": list(self.ids)}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`."""
        return cls(tuple((data or {}).get("ids", ())))


@dataclass(frozen=True, slots=True)
class ClientPlace:
    """`loaded` and `intended` of a client's move: the id of a group."""

    group_id: int

    def to_json(self) -> dict[str, Any]:
        """Return the content of the column."""
        return {"group_id": self.group_id}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`, or of another content that has a group."""
        return cls(data["group_id"])


@dataclass(frozen=True, slots=True)
class ClientBefore:
    """`before` of a client's change: the client's group, if there was a client, and HMACs of the fields.

    The HMACs are there only while the change is open.
    """

    group_id: int | None = None
    field_hmacs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the column, without empty parts."""
        content: dict[str, Any] = {} if self.group_id is None else {"group_id": self.group_id}
        return content | ({"field_hmacs": dict(self.field_hmacs)} if self.field_hmacs else {})

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`."""
        data = data or {}
        return cls(data.get("group_id"), data.get("field_hmacs", {}))


@dataclass(frozen=True, slots=True)
class ClientAfter:
    """`after` of a client's change: the client's group, and the names of fields that changed beside it."""

    group_id: int
    changed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of the column."""
        return {"group_id": self.group_id, "changed": list(self.changed)}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`."""
        return cls(data["group_id"], tuple(data.get("changed", ())))


@dataclass(frozen=True, slots=True)
class NewClient:
    """`intended` of a client's creation: the group, the snapshot, and the old id of the client in it."""

    group_id: int
    snapshot: str
    client: int

    def to_json(self) -> dict[str, Any]:
        """Return the content of the column."""
        return {"group_id": self.group_id, "snapshot": self.snapshot, "client": self.client}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return the content from the result of `to_json`."""
        return cls(data["group_id"], data["snapshot"], data["client"])
