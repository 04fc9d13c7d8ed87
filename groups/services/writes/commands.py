"""Define the commands: the writes to Poster that `execute` can carry out.

A command says what it locks, what the journal stores of it, why it must not be sent now, and how it is sent.
`outcome` determines afterwards whether it was applied.
"""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from groups.models import Change, Job, PosterCredentials
from groups.poster import Client, ClientValues, GroupValues, PosterClient
from groups.poster.records import fold
from groups.services.writes.outcome import RemoteState, field_hmacs_of, same

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Reason = Change.Reason
RIGHTS = {
    Change.Action.CREATE: "groups.add_group",
    Change.Action.UPDATE: "groups.change_group",
    Change.Action.REMOVE: "groups.delete_group",
    Change.Action.MOVE: "groups.move_client",
    Change.Action.ENROL: "groups.view_snapshot",
}
RIGHT_WITH_CLIENTS = "groups.delete_group_with_clients"
# Poster may store longer names. The journal cuts a group's label to this length, but not its values.
LONGEST_NAME = 400


class Command(Protocol):
    """A write that a user asks for."""

    @property
    def user(self) -> "User": ...
    @property
    def credentials(self) -> PosterCredentials: ...
    @property
    def operation(self) -> uuid.UUID: ...
    @property
    def job(self) -> Job | None: ...
    @property
    def action(self) -> Change.Action: ...

    @property
    def target(self) -> str:
        """The lock key of this command."""

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the journal row, apart from the user, the action and the target."""

    def problem(self, remote: RemoteState) -> Change.Reason | None:
        """Return the reason why this must not be sent now, or None."""

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        """Return the `before` of the journal row: the remote state before the write."""

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        """Send the write once, and return the id in Poster's response, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommand:
    """Create, change or remove a group.

    `loaded` has the values when the form was opened; None is treated as a conflict. A removal sends no
    values, but compares the client count with `loaded_clients`. `name_confirmed` is True if the user has
    confirmed that another group has the same name. `again_of` is a lost change that this command repeats.
    `monthly_cost` is for the journal alone.
    """

    user: "User"
    credentials: PosterCredentials
    action: Change.Action
    operation: uuid.UUID
    group_id: int | None = None
    loaded: GroupValues | None = None
    loaded_clients: int | None = None
    intended: GroupValues | None = None
    name_confirmed: bool = False
    undo_of: Change | None = field(default=None)
    again_of: Change | None = field(default=None)
    job: Job | None = None
    monthly_cost: Decimal | None = None

    @property
    def target(self) -> str:
        """The lock key: the group, or the name of a group to be created."""
        if self.group_id is not None:
            return f"group:{self.group_id}"
        return f"create:{fold(self.intended.name) if self.intended else ''}"[:LONGEST_NAME]

    @property
    def values(self) -> GroupValues:
        """The values to send. Raises `ValueError` for a removal, which has none."""
        if self.intended is None:
            raise ValueError("This command sends no values.")
        return self.intended

    @property
    def known_id(self) -> int:
        """The id of the group. Raises `ValueError` for a creation, which has none yet."""
        if self.group_id is None:
            raise ValueError("This command is for no group that exists.")
        return self.group_id

    @property
    def columns(self) -> dict[str, Any]:
        seen = self.loaded or self.intended
        loaded = self.loaded.to_json() if self.loaded else None
        if loaded and self.loaded_clients is not None:
            loaded["clients"] = self.loaded_clients
        return {
            "group_id": self.group_id,
            # The name as the user saw it in the form.
            "group_name": seen.name[:LONGEST_NAME] if seen else "",
            "loaded": loaded,
            "intended": self.intended.to_json() if self.intended else None,
            "undo_of": self.undo_of,
            "again_of": self.again_of,
            "monthly_cost": self.monthly_cost,
            # Needed to determine the outcome of the first attempt, even if this one is never sent.
            "before": self.again_of.before if self.again_of else None,
        }

    def problem(self, remote: RemoteState) -> Change.Reason | None:
        if self.action == Change.Action.CREATE:
            return Reason.NAME_TAKEN if not self.name_confirmed and _is_taken(self.values, remote) else None
        if remote.group is None:
            return Reason.GONE
        if self.loaded is None or not same(self.loaded, remote.group):
            return Reason.CONFLICT
        if self.action == Change.Action.UPDATE and not remote.group.is_editable:
            return Reason.UNSAFE
        if self.action == Change.Action.REMOVE:
            if self.loaded_clients != remote.group.clients:
                return Reason.CONFLICT
            if remote.group.clients and not self.user.has_perm(RIGHT_WITH_CLIENTS):
                return Reason.NO_RIGHT
        return None

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        if self.action == Change.Action.CREATE:
            return {"ids": remote.ids}
        return remote.group.to_json() if remote.group else None

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        match self.action:
            case Change.Action.CREATE:
                return poster.create_group(self.values, within=within)
            case Change.Action.UPDATE:
                return poster.update_group(self.known_id, self.values, within=within)
            case _:
                poster.remove_group(self.known_id, within=within)
                return None


def _is_taken(values: GroupValues, remote: RemoteState) -> bool:
    return any(fold(group.name) == fold(values.name) for group in remote.groups.present)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveClient:
    """Move a client from one group to another; only the group is sent."""

    user: "User"
    credentials: PosterCredentials
    operation: uuid.UUID
    job: Job
    client_id: int
    from_id: int
    to_id: int

    @property
    def action(self) -> Change.Action:
        return Change.Action.MOVE

    @property
    def target(self) -> str:
        return f"client:{self.client_id}"

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "client_id": self.client_id,
            "loaded": {"group_id": self.from_id},
            "intended": {"group_id": self.to_id},
        }

    def problem(self, remote: RemoteState) -> Change.Reason | None:
        if remote.client is None:
            return Reason.CLIENT_GONE
        return None if remote.client.group_id == self.from_id else Reason.ELSEWHERE

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        return client_before(self.operation, remote.client)

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.update_client(self.client_id, ClientValues(group_id=self.to_id), within=within)


def client_before(operation: uuid.UUID, client: Client | None) -> dict[str, Any] | None:
    """Return the `before` of a client's change: the group's id and the HMACs of the client's fields."""
    return {"group_id": client.group_id, "field_hmacs": field_hmacs_of(client, operation)} if client else None
