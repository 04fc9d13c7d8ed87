"""Move a client from one group to another."""

import uuid
from dataclasses import dataclass, replace
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, PosterCredentials
from groups.models.contents import ClientAfter, ClientBefore, ClientPlace
from groups.poster import Client, ClientValues, PosterClient
from groups.poster.records import GROUP_FIELDS
from groups.services.clients import find_client
from groups.services.writes.commands.base import Command, register
from groups.services.writes.lag import hides_move, replaced_by_others
from groups.services.writes.outcome import Outcome, RemoteState, Replaced, field_hmacs
from groups.services.writes.reach import Reach

Reason, State = Change.Reason, Change.State
# Fields in a client's row that belong to the group and change with it.
OF_THE_GROUP = frozenset(("client_groups_id", *(each.wire for each in GROUP_FIELDS.values())))
# Fields of a client that a purchase may change at any moment.
OF_THE_TILL = frozenset(("bonus", "total_payed_sum", "ewallet", "date_activale"))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class MoveClient(Command):
    """Move a client from one group to another; only the group is sent.

    `seen_in` is the group, not `from_id`, in which a check has found the client, or 0 if it has found none.
    Nothing is sent then: a second check that agrees is believed, and after another one it may be tried again.
    """

    action = Change.Action.MOVE
    permission = "groups.move_client"
    undo_permission = permission

    client_id: int
    from_id: int
    to_id: int
    seen_in: int | None = None

    @classmethod
    def rebuild(cls, change: Change) -> Self:
        return cls(
            operation=change.pk,
            client_id=change.client_id or 0,
            from_id=ClientPlace.from_json(change.loaded).group_id,
            to_id=ClientPlace.from_json(change.intended).group_id,
        )

    @property
    def target(self) -> str:
        return f"client:{self.client_id}"

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "client_id": self.client_id,
            "loaded": ClientPlace(self.from_id).to_json(),
            "intended": ClientPlace(self.to_id).to_json(),
            "undo_of": self.undo_of,
        }

    @property
    def reach(self) -> Reach:
        return Reach(clients=1)

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        client = remote.client
        if client is None:
            return None
        return ClientBefore(client.group_id, field_hmacs_of(client, self.operation)).to_json()

    def precheck(self, remote: RemoteState) -> Change.Reason | None:
        if remote.client is None:
            return Reason.CLIENT_GONE
        if remote.client.group_id != self.from_id:
            return Reason.ELSEWHERE
        return None if self.seen_in is None else Reason.NOT_SHOWN_YET

    def was_seen(self, remote: RemoteState) -> bool:
        return self.seen_in == (remote.client.group_id if remote.client else 0)

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
        return hides_move(change, remote.client)

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.update_client(self.client_id, ClientValues(group_id=self.to_id), within=within)

    def observe(self, change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
        return RemoteState(client=find_client(credentials, self.client_id, within=within))

    def replaced(self, change: Change) -> Replaced:
        return replaced_by_others(change, client_id=change.client_id)

    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        now = remote.client
        if now is None:
            return None if None in replaced else Outcome(State.REVIEW, Reason.CLIENT_GONE)
        before = ClientBefore.from_json(change.before)
        earlier = {ClientBefore.from_json(each).group_id for each in replaced if each}
        if now.group_id == self.to_id:
            if now.group_id in earlier and not change.accepted:
                return None
            was, fields = before.field_hmacs, field_hmacs_of(now, self.operation)
            changed = sorted(name for name in {*was, *fields} if was.get(name) != fields.get(name))
            after = ClientAfter(now.group_id, tuple(changed)).to_json()
            if OF_THE_TILL.issuperset(changed):
                return Outcome(State.APPLIED, None, after, proven=True)
            return Outcome(State.DIFFERS, Reason.OTHER_FIELDS, after)
        if now.group_id == before.group_id or now.group_id in earlier:
            return None
        return Outcome(State.FAILED, Reason.ELSEWHERE, ClientPlace(now.group_id).to_json())

    @classmethod
    def undo(cls, change: Change) -> "MoveClient | None":
        """Return the move back; it is sent only while the client is where this move has put them."""
        if change.state not in Change.MADE:
            return None
        made = cls.rebuild(change)
        return replace(made, from_id=made.to_id, to_id=made.from_id, undo_of=change)

    @classmethod
    def undo_words(cls, count: int) -> str:
        return ngettext(
            "%(count)s client goes back to the group they came from, unless they have moved on since.",
            "%(count)s clients go back to the groups they came from, except those who have moved on since.",
            count,
        )

    @property
    def way(self) -> tuple[int | None, int | None]:
        return self.from_id, self.to_id

    @property
    def seen(self) -> str:
        return _("Poster has the client in the new group: it was read back.")

    @classmethod
    def subject(cls, change: Change) -> str:
        return _("client %(id)s") % {"id": change.client_id}


def field_hmacs_of(client: Client, operation: uuid.UUID) -> dict[str, str]:
    """Leave out the fields that belong to the group."""
    own = {name: value for name, value in client.raw.items() if name not in OF_THE_GROUP}
    return field_hmacs(own, operation)
