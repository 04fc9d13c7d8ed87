"""Create a client of a snapshot again, with the values that Poster accepts."""

import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, PosterCredentials
from groups.models.contents import ClientAfter, ClientBefore, NewClient, RecordIds
from groups.poster import Client, ClientValues, ErrorReason, InvalidResponse, PosterClient
from groups.services.clients import SECONDS_FOR_ALL, find_client, pages_of
from groups.services.writes.commands.base import Command, register
from groups.services.writes.lag import latest_changes
from groups.services.writes.outcome import (
    Outcome,
    RemoteState,
    Replaced,
    field_hmacs,
    is_alike,
    normalized,
    other_fields,
)
from groups.services.writes.reach import Reach

Reason, State = Change.Reason, Change.State
TEXTS = ("name", "sex", "card_number", "phone", "email", "country", "city", "address", "comment")


@register
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CreateClient(Command):
    """Create a client of a snapshot in a group. The journal stores the old id and field HMACs, but no values.

    `old_id` is the client's latest id: after an earlier restore it differs from that in the snapshot.
    """

    action = Change.Action.CREATE_CLIENT
    permission = "groups.view_snapshot"
    creates = True

    snapshot_id: uuid.UUID
    client: Client | None = None
    old_id: int
    group_id: int

    @classmethod
    def rebuild(cls, change: Change) -> Self:
        intended = NewClient.from_json(change.intended)
        return cls(
            operation=change.pk,
            snapshot_id=uuid.UUID(intended.snapshot),
            old_id=intended.client,
            group_id=intended.group_id,
        )

    @property
    def target(self) -> str:
        return target_of(self.old_id)

    @property
    def values(self) -> ClientValues:
        """Leave out empty values; a negative bonus becomes 0. Raises `ValueError` if rebuilt from a row."""
        client = self.client
        if client is None:
            raise ValueError("The journal has no values of clients.")
        texts: dict[str, Any] = {name: getattr(client, name) or None for name in TEXTS}
        return ClientValues(
            group_id=self.group_id,
            **texts,
            own_percent=client.own_percent,
            birthday=client.birthday,
            # Send zeros too: Poster may give a new client a welcome bonus, and a difference must be seen.
            bonus=None if client.bonus is None else max(client.bonus, Decimal(0)),
            total_paid=client.total_paid,
        )

    @property
    def columns(self) -> dict[str, Any]:
        return {"intended": NewClient(self.group_id, str(self.snapshot_id), self.old_id).to_json()}

    @property
    def reach(self) -> Reach:
        return Reach(clients=1)

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        return ClientBefore(field_hmacs=field_hmacs(normalized(self.values), self.operation)).to_json()

    def precheck(self, remote: RemoteState) -> Change.Reason | None:
        return Reason.CLIENT_THERE if remote.client is not None else None

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
        """Return True if another restore has created the client meanwhile, or created the old one just now.

        Under the old id no read shows the first, and a late read denies the second.
        """
        if remote.client is not None:
            return False
        others = Change.objects.filter(account=change.account_id, target=self.target).exclude(pk=change.pk)
        states = others.order_by().values_list("state", flat=True)
        is_created = any(state in (*Change.MADE, *Change.UNSETTLED) for state in states)
        lately = latest_changes(change.account_id, client_id=self.old_id, action=self.action)
        return is_created or lately.filter(state__in=Change.MADE).exists()

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.create_client(self.values, within=within)

    def answered(self, change: Change, answered_id: int | None) -> dict[str, object]:
        return {"client_id": answered_id}

    def observe_before(
        self, change: Change, credentials: PosterCredentials, within: float | None
    ) -> RemoteState:
        return RemoteState(client=find_client(credentials, self.old_id, within=within))

    def observe(self, change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
        """Read the client whose id Poster answered. Without one, read those who may be the new client."""
        if change.client_id:
            client = find_client(credentials, change.client_id, within=within)
            return RemoteState(newcomers=(client,) if client else ())
        # The group's clients that match the one to be created, and belong to no other change.
        self._check_alone(change)
        expected = ClientBefore.from_json(change.before).field_hmacs
        until = time.monotonic() + (SECONDS_FOR_ALL if within is None else within)
        found = [
            client
            for page in pages_of(credentials, self.group_id, until=until)
            for client in page.clients
            if not client.removed and is_alike(expected, client, change.pk)
        ]
        self._check_alone(change)  # another creation may have been sent during the read
        known = Change.objects.filter(
            account=change.account_id, client_id__in=[client.id for client in found]
        )
        others_ids = set(known.exclude(pk=change.pk).values_list("client_id", flat=True))
        return RemoteState(newcomers=tuple(client for client in found if client.id not in others_ids))

    def _check_alone(self, change: Change) -> None:
        """Raise `InvalidResponse` if another creation is in progress: its client could match as well."""
        others = Change.objects.filter(job=change.job_id, action=self.action).exclude(pk=change.pk)
        if others.filter(state=State.PENDING, sent_at__isnull=False, client_id=None).exists():
            raise InvalidResponse(
                "others are on their way", method="clients.getClients", reason=ErrorReason.MOVING
            )

    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        """Match by the id that Poster answered. Without one, match by HMACs, and accept a single match."""
        expected = ClientBefore.from_json(change.before).field_hmacs
        found = [(client, other_fields(expected, client, change.pk)) for client in remote.newcomers]
        made = found if change.client_id else [each for each in found if not each[1]]
        if len(made) == 1:
            (client, changed) = made[0]
            if client.group_id != self.group_id:
                changed = ["group_id", *changed]
            after = ClientAfter(client.group_id, tuple(changed)).to_json()
            if changed:
                return Outcome(State.DIFFERS, Reason.OTHER_FIELDS, after, client_id=client.id)
            return Outcome(State.APPLIED, None, after, client_id=client.id, proven=True)
        if not found:
            return None
        ids = RecordIds(tuple(client.id for client, _fields in made or found)).to_json()
        return Outcome(State.REVIEW, Reason.DUPLICATES if made else Reason.LOOKS_ALIKE, ids)

    @classmethod
    def undo_words(cls, count: int) -> str:
        return ngettext(
            "%(count)s new client stays: an undo removes nobody.",
            "%(count)s new clients stay: an undo removes nobody.",
            count,
        )

    @property
    def way(self) -> tuple[int | None, int | None]:
        return None, self.group_id

    @property
    def seen(self) -> str:
        return _("Poster has the client again: it was read back.")

    @classmethod
    def subject(cls, change: Change) -> str:
        return _("client %(id)s") % {"id": change.client_id or NewClient.from_json(change.intended).client}


def target_of(client_id: int) -> str:
    """Keep two jobs from creating the same client."""
    return f"enrol:{client_id}"
