"""Create a group."""

import time
from dataclasses import dataclass, replace
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, GroupsCopy, PosterCredentials
from groups.models.changes import OF_GROUPS
from groups.models.contents import LoadedGroup, RecordIds
from groups.models.locks import creation_key
from groups.poster import Group, GroupList, GroupValues, NameTaken, NotFound, PosterClient
from groups.poster.errors import REFUSALS
from groups.poster.fields import fold
from groups.services.gateway import call_poster, remaining
from groups.services.groups import read_list
from groups.services.writes.commands.base import Command, GroupCommand, register
from groups.services.writes.lag import latest_changes, removed_ids, unseen_groups
from groups.services.writes.outcome import Outcome, RemoteState, Replaced, is_unit_mismatch, same, taken
from groups.services.writes.reach import Reach, reach_of_values

Reason, State = Change.Reason, Change.State


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGroup(GroupCommand):
    """`namesakes` are the ids of the groups with its name that the user accepts; None allows any."""

    action = Change.Action.CREATE
    permission = "groups.add_group"
    creates = True
    has_before = False
    undo_permission = "groups.delete_group"

    intended: GroupValues
    namesakes: frozenset[int] | None = frozenset()

    @property
    def target(self) -> str:
        return creation_key(self.intended.name)

    def confirmed(self, namesakes: frozenset[int] | None = None) -> Self:
        return replace(self, namesakes=namesakes)

    @property
    def reach(self) -> Reach:
        return reach_of_values(None, self.intended)

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        listed = remote.groups
        unreadable = {row.id for row in listed.unreadable if row.id is not None}
        ids = {group.id for group in listed.groups} | unreadable | remote.seen_ids
        return RecordIds(tuple(sorted(ids))).to_json()

    def precheck(self, remote: RemoteState) -> Change.Reason | None:
        there = [group for group in remote.groups.present if group.id not in remote.removed_ids]
        name, known = fold(self.intended.name), self.namesakes
        named = {group.id for group in (*there, *remote.unseen) if fold(group.name) == name}
        return None if known is None or named <= known else Reason.NAME_TAKEN

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
        return False

    def send(self, poster: PosterClient, *, within: float) -> int | None:
        return poster.create_group(self.intended, within=within)

    def answered(self, change: Change, answered_id: int | None) -> dict[str, object]:
        return {} if answered_id in change.known_ids else {"group_id": answered_id}

    def observe_before(
        self, change: Change, credentials: PosterCredentials, within: float | None
    ) -> RemoteState:
        listed = read_list(credentials, within)
        copies = GroupsCopy.objects.of_present_token().filter(credentials__account=change.account_id)
        copied = copies.order_by("-fetched_at").values_list("groups", flat=True).first() or []
        lately = latest_changes(change.account_id, OF_GROUPS, action=self.action)
        created = filter(None, lately.values_list("group_id", flat=True))
        return RemoteState(
            groups=listed,
            seen_ids=frozenset(row["id"] for row in copied) | frozenset(created),
            unseen=unseen_groups(change.account_id, listed.groups),
            removed_ids=removed_ids(change.account_id),
        )

    def observe(self, change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
        began = time.monotonic()
        listed = read_list(credentials, within)
        answered, left = change.group_id, remaining(within, began)
        if not answered or any(group.id == answered for group in listed.groups):
            return RemoteState(groups=listed)
        try:
            made = call_poster(credentials, lambda poster: poster.get_group(answered, within=left))
        except NotFound:
            return RemoteState(groups=listed)
        return RemoteState(groups=GroupList((*listed.groups, made), listed.unreadable))

    def replaced(self, change: Change) -> Replaced:
        """Return the new groups that were edited or removed here since, each as it was before that."""
        since = change.sent_at or change.created_at
        later = Change.objects.filter(OF_GROUPS, account=change.account_id, created_at__gte=since)
        later = later.filter(action__in=(Change.Action.UPDATE, Change.Action.REMOVE), before__isnull=False)
        rows = later.exclude(state=State.ELSEWHERE).exclude(group_id__in=change.known_ids)
        found = rows.order_by("-created_at").values_list("group_id", "before")
        return tuple(dict(found).values())  # of each group the first one

    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        """Match by the id that Poster answered, even if it appears late. Without one, match by values.

        A match by values is a last resort if the answered id does not show, or if Poster said that the name
        exists: an older group may have it, which the read before did not show.
        """
        known = change.known_ids
        first = {group.id: group for group in map(Group.from_json, filter(None, replaced))}
        shown = {group.id: group for group in remote.groups.present if group.id not in known}
        new = (shown | first).values()
        answered = [group for group in new if group.id == change.group_id]
        if answered:
            return taken(self.intended, answered[0])
        namesakes = [group for group in new if fold(group.name) == fold(self.intended.name)]
        made = [
            group
            for group in namesakes
            if same(self.intended, group) or is_unit_mismatch(self.intended, group)
        ]
        if len(made) == 1:
            outcome = taken(self.intended, made[0])
            is_doubtful = change.group_id or REFUSALS.get(change.code or 0) is NameTaken
            return replace(outcome, proven=False, last_resort=True) if is_doubtful else outcome
        if change.group_id:
            return None
        ids = RecordIds(tuple(group.id for group in made or namesakes)).to_json()
        if made:
            return Outcome(State.REVIEW, Reason.DUPLICATES, ids)
        return Outcome(State.REVIEW, Reason.NAMESAKE, ids, last_resort=True) if namesakes else None

    @classmethod
    def undo(cls, change: Change) -> Command | None:
        """Return the removal of the group, which is sent only while it is as created and has no clients."""
        # Without values in `after` a user has resolved the change, and the group was never read.
        if change.state not in Change.HAPPENED or not change.group_id or "name" not in (change.after or {}):
            return None
        removal = Change(
            id=change.pk,
            action=Change.Action.REMOVE,
            group_id=change.group_id,
            loaded=LoadedGroup(GroupValues.from_json(change.after), clients=0).to_json(),
        )
        return replace(Command.from_change(removal), undo_of=change)

    @classmethod
    def undo_words(cls, count: int) -> str:
        return ngettext(
            "%(count)s new group is removed, unless it has clients or was changed since.",
            "%(count)s new groups are removed, except those that have clients or were changed since.",
            count,
        )

    @property
    def seen(self) -> str:
        return _("Poster has the new group: it was read back.")

    def success(self, change: Change, values: str) -> str:
        text = _("The group “%(name)s” was created.") % {"name": change.group_name}
        if change.undo_of_id:
            text += " " + _("That does not bring the clients of the removed group back.")
        return text
