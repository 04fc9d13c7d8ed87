"""Define a command: the request for one write to Poster. `execute` and `reconcile` know only this class."""

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from groups.models import Change, Consent, Job, PosterCredentials
from groups.models.changes import OF_GROUPS
from groups.models.contents import LoadedGroup
from groups.models.locks import group_key
from groups.models.submissions import Submission
from groups.poster import Group, GroupValues, PosterClient
from groups.services.groups import find_group
from groups.services.writes.lag import replaced_by_others, unseen_change
from groups.services.writes.outcome import Outcome, RemoteState, Replaced, rebase_values, same
from groups.services.writes.reach import Reach

CONSENT = tuple(field.name for field in Consent._meta.fields)
# Poster may store longer names. The journal cuts a group's label to this length, but not its values.
LONGEST_NAME = 400
_kinds: dict[Change.Action, type["Command"]] = {}


def register[C: "Command"](kind: type[C]) -> type[C]:
    _kinds[kind.action] = kind
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(ABC):
    """A write that a user asks for.

    It is sent with the `credentials` of the user who asks for it. They are None in a command that is rebuilt
    from its journal row: it can be judged, undone and shown, but not sent.

    `again_of` is a lost change that this command repeats. `read` is the group that it reaches, where it was
    read just now: a gate need not read it once more.
    `request_id`, `requested_by` and `limit_reason` let it go beyond the limits of its account; see `Consent`.
    """

    action: ClassVar[Change.Action]
    # The right that a user needs.
    permission: ClassVar[str]
    # The write makes a new record, whose id is in Poster's answer.
    creates: ClassVar[bool] = False
    # The write removes a record, and sends no values.
    removes: ClassVar[bool] = False
    # There are values to show from before the write.
    has_before: ClassVar[bool] = True
    # A user may send the write again after its answer was lost.
    repeatable: ClassVar[bool] = False
    # The right that a user needs to undo the write; empty if nobody can.
    undo_permission: ClassVar[str] = ""

    operation: uuid.UUID
    credentials: PosterCredentials | None = None
    job: Job | None = None
    undo_of: Change | None = None
    again_of: Change | None = None
    read: Group | None = None
    request_id: uuid.UUID | None = None
    requested_by: str = ""
    limit_reason: str = ""
    allowed_clients: int | None = None

    @staticmethod
    def from_change(change: Change) -> "Command":
        return Command.kind_of(change).rebuild(change)

    @staticmethod
    def kind_of(change: Change) -> type["Command"]:
        return _kinds[Change.Action(change.action)]

    @classmethod
    @abstractmethod
    def rebuild(cls, change: Change) -> Self: ...
    @property
    def sender(self) -> PosterCredentials:
        """Raises `ValueError` for a command rebuilt from its row."""
        if self.credentials is None:
            raise ValueError("This command was rebuilt from the journal; it cannot be sent.")
        return self.credentials

    def may_be_sent_by(self, user: User) -> bool:
        """A user with the right to this write may decide on it too."""
        return user.has_perm(self.permission)

    def confirmed(self, namesakes: frozenset[int] | None = None) -> Self:
        """`namesakes` are ids of groups with its name that the warnings have shown; None confirms any."""
        return self

    # --- The journal ----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def target(self) -> str:
        """The main lock key: no other change of it may be open."""

    @property
    def lock_keys(self) -> frozenset[str]:
        return frozenset((self.target,))

    @property
    def submission(self) -> Submission:
        sender, values = self.sender, (self.target, self.columns["intended"])
        return Submission(self.operation, sender.account_id, sender.user_id, self.action, values)

    @property
    @abstractmethod
    def columns(self) -> dict[str, Any]: ...
    @abstractmethod
    def before(self, remote: RemoteState) -> dict[str, Any] | None: ...

    # --- The limits -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def reach(self) -> Reach:
        """The reach as far as the command knows it; see `reached_group`."""

    @property
    def reached_group(self) -> int | None:
        """The group whose clients are all reached, if they still have to be counted."""
        return None

    @property
    def consent(self) -> Consent | None:
        """Its own consent, or the row that it belongs to and that may go beyond the limits already."""
        own = Change(**{name: getattr(self, name) for name in CONSENT})
        return own if own.is_given else self.job or self.again_of

    # --- The write ------------------------------------------------------------------------------------------

    @abstractmethod
    def precheck(self, remote: RemoteState) -> Change.Reason | None: ...
    def was_seen(self, remote: RemoteState) -> bool:
        """Return True if an earlier check has shown the same, so that this one need not be repeated."""
        return False

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
        """Return True if the read before the write does not show a recent change in the journal."""
        return False

    @abstractmethod
    def send(self, poster: PosterClient, *, within: float) -> int | None:
        """Send the write once, and return the id in Poster's answer, if it has one."""

    def answered(self, change: Change, answered_id: int | None) -> dict[str, object]:
        """Return the columns that the id in Poster's answer fills."""
        return {}

    # --- The outcome ----------------------------------------------------------------------------------------

    def observe_before(
        self, change: Change, credentials: PosterCredentials, within: float | None
    ) -> RemoteState:
        """Read the remote state before the write is sent. Raises `PosterError`."""
        return self.observe(change, credentials, within=within)

    @abstractmethod
    def observe(self, change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
        """Read the remote state that can prove the outcome. Raises `PosterError`."""

    def replaced(self, change: Change) -> Replaced:
        """Return what recent changes have replaced, None for "did not exist": a late read may show it."""
        return ()

    @abstractmethod
    def determine_outcome(self, change: Change, remote: RemoteState, replaced: Replaced) -> Outcome | None:
        """Return the outcome that the remote state proves, or None while it proves nothing."""

    def read_back(self, change: Change) -> Group | None:
        """Return the group that the write has left at Poster, as it was read after it, or None."""
        return None

    # --- Undo, repeat, words --------------------------------------------------------------------------------

    @classmethod
    def undo(cls, change: Change) -> "Command | None":  # noqa: ARG003 - kinds that can be undone read it
        """Return the command that undoes a change, still without sender and operation; None if none can."""
        return None

    @classmethod
    @abstractmethod
    def undo_words(cls, count: int) -> str:
        """Return how a job undoes so many of these writes: a sentence with a place for `count`."""

    def repeat(self, change: Change, remote: RemoteState) -> "Command | None":
        """Return the command that sends a lost write again, as `undo` does; None if its effect may show."""
        return None

    @classmethod
    def subject(cls, change: Change) -> str:
        """Return the subject without personal data: the name of a group, the number of a client."""
        return change.group_name

    @property
    def way(self) -> tuple[int | None, int | None]:
        """The groups that a client leaves and enters, None where there is none."""
        return None, None

    @property
    @abstractmethod
    def seen(self) -> str:
        """The finding in Poster after the write was applied, in words."""

    def success(self, change: Change, values: str) -> str:
        """Return the message after the write was applied; `values` are the changed values, old and new."""
        return _("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommand(Command, ABC):
    """A write to a group.

    `loaded` has the values when the form was opened, and `loaded_clients` the number of clients then; None is
    a conflict. `note` is for the journal alone. `shows_cost` is False for values that may be over within a
    month: costs are those of a month.
    """

    group_id: int | None = None
    loaded: GroupValues | None = None
    loaded_clients: int | None = None
    intended: GroupValues | None = None
    shows_cost: bool = True
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
        """Raises `ValueError` for a removal, which sends none."""
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
        return None

    def is_stale(self, change: Change, remote: RemoteState) -> bool:
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
