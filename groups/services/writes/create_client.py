"""A client who was in a group that is gone, created once more with what Poster lets anybody set."""

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
    """Return what a creation can set of a client. What is empty is not sent; an overdrawn bonus becomes 0."""
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
        # Zeros too: whoever creates a client may be given something, and that has to be seen.
        bonus=None if client.bonus is None else max(client.bonus, Decimal(0)),
        total_paid=client.total_paid,
    )


def target_of(client_id: int) -> str:
    """Return what the creation of a client locks: whoever it was, in any job, is created once."""
    return f"enrol:{client_id}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CreateClient:
    """A client of a snapshot to be created in a group: the journal has the old id and marks, and no values.

    `old_id` is the one that the client had last, which is another one than in the snapshot after a restore.
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
        """What is sent."""
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

    def problem(self, remote: RemoteState) -> str:
        return "client_there" if remote.client is not None else ""

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        return {"field_hmacs": field_hmacs(normalized(self.values), self.operation)}

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.create_client(self.values, within=within)
