"""Define what the commands of groups have in common: columns, locks, and reads of a group that exists."""

from abc import ABC
from dataclasses import dataclass, replace
from typing import Any, Self

from groups.models import Change, Consent, PosterCredentials
from groups.models.changes import OF_GROUPS
from groups.models.contents import LoadedGroup
from groups.models.locks import group_key
from groups.poster import Group, GroupValues
from groups.services.groups import find_group
from groups.services.writes.commands.base import Command
from groups.services.writes.lag import replaced_by_others, unseen_change
from groups.services.writes.outcome import RemoteState, Replaced, rebase_values, same

# Poster may store longer names. The journal cuts a group's label to this length, but not its values.
LONGEST_NAME = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommand(Command, ABC):
    """A write to a group.

    `loaded` has the values when the form was opened; None is treated as a conflict. `loaded_clients` is the
    number of clients then. `intended` are the values to store. `again_of` is a lost change that this command
    repeats. `note` is for the journal alone. `tells_cost` is False for values that may be over within a
    month: costs are those of a month.
    """

    group_id: int | None = None
    loaded: GroupValues | None = None
    loaded_clients: int | None = None
    intended: GroupValues | None = None
    again_of: Change | None = None
    tells_cost: bool = True
    note: str = ""

    @classmethod
    def rebuild(cls, change: Change) -> Self:
        loaded = LoadedGroup.from_json(change.loaded)
        return cls(
            operation=change.pk,
            group_id=change.group_id,
            loaded=loaded.values,
            loaded_clients=loaded.clients,
            intended=GroupValues.from_json(change.intended) if change.intended else None,
            note=change.note,
        )

    @property
    def values(self) -> GroupValues:
        """The values to send. Raises `ValueError` for a removal, which has none."""
        if self.intended is None:
            raise ValueError("This command sends no values.")
        return self.intended

    @property
    def target(self) -> str:
        return group_key(self.group_id)

    @property
    def columns(self) -> dict[str, Any]:
        seen = self.loaded or self.intended
        return {
            "group_id": self.group_id,
            # The name as the user saw it in the form.
            "group_name": seen.name[:LONGEST_NAME] if seen else "",
            "loaded": LoadedGroup(self.loaded, self.loaded_clients).to_json(),
            "intended": self.intended.to_json() if self.intended else None,
            "undo_of": self.undo_of,
            "again_of": self.again_of,
            "note": self.note,
            # Needed to determine the outcome of the first attempt, even if this one is never sent.
            "before": self.again_of.before if self.again_of else None,
        }

    def before(self, remote: RemoteState) -> dict[str, Any] | None:
        return remote.group.to_json() if remote.group else None

    @property
    def earlier_consent(self) -> Consent | None:
        return self.job or self.again_of

    @property
    def sends_bonus(self) -> bool:
        return bool(self.intended and self.intended.birthday_bonus)

    @property
    def changes_nothing(self) -> bool:
        return self.loaded is not None and self.intended is not None and same(self.loaded, self.intended)

    def rebased(self, values: GroupValues, clients: int) -> Self:
        intended = self.intended
        if intended is not None and self.loaded is not None:
            intended = rebase_values(self.loaded, intended, values)
        counted = None if self.loaded_clients is None else clients
        return replace(self, loaded=values, loaded_clients=counted, intended=intended)

    def precheck(self, remote: RemoteState) -> Change.Reason | None:
        if remote.group is None:
            return Change.Reason.GONE
        if self.loaded is None or not same(self.loaded, remote.group):
            return Change.Reason.CONFLICT
        return self.precheck_group(remote.group)

    def precheck_group(self, group: Group) -> Change.Reason | None:
        """Return the reason why a group that is as the form was opened must not be written, or None."""
        return None

    def is_behind(self, change: Change, remote: RemoteState) -> bool:
        return unseen_change(change.account_id, self.group_id or 0, remote.group) is not None

    def observe(self, change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
        return RemoteState(group=find_group(credentials, self.group_id or 0, within=within))

    def replaced(self, change: Change) -> Replaced:
        return replaced_by_others(change, OF_GROUPS, group_id=change.group_id)

    def repeat(self, change: Change, remote: RemoteState) -> Self | None:
        before, now = Group.from_json(change.before), remote.group
        if now is None or not same(before, now):
            return None
        clients, undone = now.clients, change.undo_of
        return replace(self, loaded=before.values, loaded_clients=clients, again_of=change, undo_of=undone)
