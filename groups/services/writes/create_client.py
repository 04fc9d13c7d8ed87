"""Define the command that creates a client of a snapshot again, with the values that Poster accepts."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from groups.models import Change, Job, PosterCredentials
from groups.poster import Client, ClientValues, PosterClient
from groups.services.writes.matching import field_hmacs, normalized
from groups.services.writes.outcome import RemoteState

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def values_of(client: Client, group_id: int) -> ClientValues:
    """Return the client's values that a creation can set, without empty ones; a negative bonus becomes 0."""
    return ClientValues(
        group_id=group_id,
        name=client.name or None,
        sex=client.sex or None,
        card_number=client.card_number or None,
        own_percent=client.own_percent,
        phone=client.phone or None,
        email=client.email or None,
        birthday=client.birthday,
        country=client.country or None,
        city=client.city or None,
        address=client.address or None,
        comment=client.comment or None,
        # Send zeros too: Poster may give a new client a welcome bonus, and a difference has to be noticed.
        bonus=None if client.bonus is None else max(client.bonus, Decimal(0)),
        total_paid=client.total_paid,
    )


def target_of(client_id: int) -> str:
    """Return the lock key of a client's creation, so that no two jobs create the same client."""
    return f"enrol:{client_id}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CreateClient:
    """Create a client of a snapshot in a group. The journal stores the old id and field HMACs, but no values.

    `old_id` is the client's latest id. After an earlier restore it differs from the id in the snapshot.
    """

    user: "User"
    credentials: PosterCredentials
    operation: uuid.UUID
    job: Job
    snapshot_id: uuid.UUID
    client: Client
    old_id: int
    group_id: int

    @property
    def action(self) -> Change.Action:
        return Change.Action.ENROL

    @property
    def target(self) -> str:
        return target_of(self.old_id)

    @property
    def values(self) -> ClientValues:
        """The values to send."""
        return values_of(self.client, self.group_id)

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "intended": {
                "group_id": self.group_id,
                "snapshot": str(self.snapshot_id),
                "client": self.old_id,
            }
        }

    def problem(self, remote: RemoteState) -> Change.Reason | None:
        return Change.Reason.CLIENT_THERE if remote.client is not None else None

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        return {"field_hmacs": field_hmacs(normalized(self.values), self.operation)}

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.create_client(self.values, within=within)
