"""Remove a group, with the clients in it."""

import time
from dataclasses import dataclass
from typing import Self

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, PosterCredentials
from groups.models.locks import future_key, members_key
from groups.poster import Group, GroupValues, NotFound, PosterClient
from groups.poster.errors import REFUSALS
from groups.services.clients import with_counted_clients
from groups.services.gateway import remaining
from groups.services.values import clients_words
from groups.services.writes.commands.base import GroupCommand, register
from groups.services.writes.commands.create_group import CreateGroup
from groups.services.writes.lag import have_moved, unseen_change
from groups.services.writes.outcome import Outcome, RemoteState, Replaced
from groups.services.writes.reach import Reach

Reason, State = Change.Reason, Change.State


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGroup(GroupCommand):
    """Remove a group, if its values and the number of its clients are still those of the form.

    `present_clients` is their number where that was read again before the form was answered. If it is another
    one, the removal is not sent: no snapshot of the clients was taken then.
    """

    action = Change.Action.REMOVE
    permission = "groups.delete_group"
    permission_with_clients = "groups.delete_group_with_clients"
    undo_permission = CreateGroup.permission
    removes = True
    repeatable = True

    group_id: int
    present_clients: int | None = None

    def may_be_sent_by(self, user: User) -> bool:
        may_remove = GroupCommand.may_be_sent_by(self, user)
        return may_remove and (not self.loaded_clients or user.has_perm(self.permission_with_clients))

    @property
    def lock_keys(self) -> frozenset[str]:
        return frozenset((self.target, members_key(self.group_id), future_key(self.group_id)))

    @property
    def reach(self) -> Reach:
        return Reach()

    @property
    def reached_group(self) -> int:
        return self.group_id

    def precheck_group(self, group: Group) -> Change.Reason | None:
        if self.undo_of is not None and group.clients:
            return Reason.HAS_CLIENTS
        if self.loaded_clients != group.clients or self.present_clients not in (None, self.loaded_clients):
            return Reason.CONFLICT
        if group.clients and not self.sender.user.has_perm(self.permission_with_clients):
            return Reason.NO_RIGHT
        return None

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
        unseen = unseen_change(change.account_id, self.group_id, remote.group)
        return unseen is not None or have_moved(account=change.account_id, intended__group_id=change.group_id)

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        poster.remove_group(self.group_id, within=within)
        return None

    def observe_before(
        self, change: Change, credentials: PosterCredentials, within: float | None
    ) -> RemoteState:
        """Read the group; where it says that it is empty, count its members: that count may be late."""
        began = time.monotonic()
        remote = self.observe(change, credentials, within=within)
        if remote.group is None:
            return remote
        left = remaining(within, began)
        return RemoteState(group=with_counted_clients(credentials, remote.group, within=left))

    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        """Return applied if the group is absent; proven if Poster answered "removed" or "no such record"."""
        answered = change.accepted or REFUSALS.get(change.code or 0) is NotFound
        was_just_made = None in replaced
        if remote.group is not None or (was_just_made and not answered):
            return None
        return Outcome(State.APPLIED, proven=answered)

    def repeat(self, change: Change, remote: RemoteState) -> Self | None:
        """Repeat it only over as many clients as there were: the user has not seen another number."""
        if remote.group is None or remote.group.clients != change.clients_before:
            return None
        return GroupCommand.repeat(self, change, remote)

    @classmethod
    def undo(cls, change: Change) -> CreateGroup | None:
        if change.state not in Change.HAPPENED:
            return None
        intended = GroupValues.from_json(change.before)
        return CreateGroup(operation=change.pk, intended=intended, undo_of=change)

    @classmethod
    def undo_words(cls, count: int) -> str:
        return ngettext(
            "%(count)s removed group is created again, under another number.",
            "%(count)s removed groups are created again, under other numbers.",
            count,
        )

    @property
    def seen(self) -> str:
        return _("Poster no longer has the group: we looked again.")

    def success(self, change: Change, values: str) -> str:
        if not change.clients_before:
            return _("The group “%(name)s” was removed.") % {"name": change.group_name}
        words = {"name": change.group_name, "clients": clients_words(change.clients_before)}
        return _("The group “%(name)s” was removed with %(clients)s.") % words
