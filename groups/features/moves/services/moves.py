"""Plan the jobs that move clients to another group, or retire a group: move all its clients and remove it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.moves.services.move_run import MoveRun
from groups.models import Change, Job, PosterCredentials
from groups.models.contents import Content
from groups.models.locks import future_key, members_key
from groups.models.submissions import Submission
from groups.poster import Group
from groups.services.clients import count_members
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease
from groups.services.writes.commands import MoveClient, RemoveGroup
from groups.services.writes.reach import Reach, reached_by


class NoMove(Exception):
    """The move is pointless: source and target are the same group, or no clients are chosen."""


@dataclass(frozen=True, slots=True)
class ClientsToMove(Content):
    """`wanted` of a job that moves clients: their ids, or None for all clients of the job's group.

    If they are in several groups, the job has no single group, and `groups` has the group of each client, or
    those of which all clients are moved.
    """

    clients: tuple[int, ...] | None
    groups: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        clients = {"clients": None if self.clients is None else list(self.clients)}
        return clients | ({"groups": list(self.groups)} if self.groups else {})

    def by_group(self, group_id: int | None) -> dict[int, tuple[int, ...] | None]:
        """Return the ids for each group, None for all of it; `group_id` is the job's single group."""
        if not self.groups:
            return {} if group_id is None else {group_id: self.clients}
        if self.clients is None:
            return dict.fromkeys(self.groups)
        pairs = list(zip(self.groups, self.clients, strict=True))
        return {
            group: tuple(client for of, client in pairs if of == group)
            for group in dict.fromkeys(self.groups)
        }


class Move(JobKind):
    """Move clients to another group."""

    kind = "move"
    label = gettext_lazy("clients moved")
    done_label = pgettext_lazy("parts of a job", "moved")
    permissions: ClassVar[tuple[str, ...]] = (MoveClient.permission,)
    moves_clients = True

    @property
    def wanted(self) -> ClientsToMove:
        return ClientsToMove.from_json(self.job.wanted)

    @property
    def lock_keys(self) -> frozenset[str]:
        return super().lock_keys | {members_key(group_id) for group_id in self.wanted.groups}

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the reach of a move: the chosen clients, or those in the groups and those it has moved."""
        if (clients := self.wanted.clients) is not None:
            return Reach(clients=len(clients))
        there = count_members(credentials, self.group_ids) if credentials else {}
        return Reach(clients=sum(there.values()) + reached_by(self.job.pk))

    @property
    def group_ids(self) -> list[int]:
        return list(self.wanted.by_group(self.job.group_id))

    def work(self, lease: JobLease) -> None:
        MoveRun(lease, self.wanted.by_group(self.job.group_id)).run()

    @property
    def title(self) -> str:
        names = {"group": self.job.group_name, "target": self.job.target_name}
        return _("Clients: “%(group)s” → “%(target)s”") % names


class Retire(Move):
    """Move all clients out of a group, and remove the group once it is proven to be empty."""

    kind = "retire"
    label = gettext_lazy("group retired")
    permissions = (MoveClient.permission, RemoveGroup.permission)
    not_counted = (Change.Action.REMOVE,)

    @property
    def lock_keys(self) -> frozenset[str]:
        """The members of both groups; the group goes, so nothing may be planned for it either."""
        return super().lock_keys | {future_key(self.job.group_id or 0)}

    def work(self, lease: JobLease) -> None:
        moving = MoveRun(lease, self.wanted.by_group(self.job.group_id))
        moving.run()
        while not moving.remove_when_empty():
            moving.run()

    @property
    def title(self) -> str:
        names = {"group": self.job.group_name, "target": self.job.target_name}
        return _("Retire “%(group)s”, its clients go to “%(target)s”") % names


def plan_move(
    *,
    user: User,
    credentials: PosterCredentials,
    operation: uuid.UUID,
    group: Group,
    target: Group,
    client_ids: Iterable[int] | None = None,
    kind: type[Move] = Move,
) -> Job:
    """Return the unsaved job that moves these clients of a group, or all of them. Raises `NoMove`."""
    if not user.has_perms(kind.permissions):
        raise PermissionDenied
    chosen = None if client_ids is None else tuple(sorted(set(client_ids)))
    if group.id == target.id or chosen == ():
        raise NoMove
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=kind.kind,
        group_id=group.id,
        group_name=group.name[:400],
        target_id=target.id,
        target_name=target.name[:400],
        wanted=ClientsToMove(chosen).to_json(),
        total=group.clients if chosen is None else len(chosen),
    )


def retirement_submission(
    group_id: int, target_id: int, *, user: User, credentials: PosterCredentials, operation: uuid.UUID
) -> Submission:
    """Return the form of a user that asks for the retirement of a group."""
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        kind=Retire.kind,
        group_id=group_id,
        target_id=target_id,
        wanted=ClientsToMove(None).to_json(),
    ).submission


def plan_choice(
    *,
    user: User,
    credentials: PosterCredentials,
    operation: uuid.UUID,
    groups: Sequence[Group],
    target: Group,
    choice: Mapping[int, int],
) -> Job:
    """Return the unsaved job that moves chosen clients; `choice` has the id of the group of each client.

    Clients that were chosen in the target stay there. `groups` are the groups of the others. Raises `NoMove`.
    """
    moved = {client: group for client, group in sorted(choice.items()) if group != target.id}
    sources = [group for group in groups if group.id in moved.values()]
    if not sources:
        raise NoMove
    job = plan_move(
        user=user,
        credentials=credentials,
        operation=operation,
        group=sources[0],
        target=target,
        client_ids=moved,
    )
    if len(sources) > 1:
        job.group_id, job.group_name = None, ", ".join(group.name for group in sources)[:400]
        job.wanted = ClientsToMove(tuple(moved), tuple(moved.values())).to_json()
    return job


def plan_groups(
    *,
    user: User,
    credentials: PosterCredentials,
    operation: uuid.UUID,
    groups: Sequence[Group],
    target: Group,
) -> Job:
    """Return the unsaved job that moves all clients of several groups; those of the target stay there."""
    sources = [group for group in groups if group.id != target.id]
    job = plan_move(user=user, credentials=credentials, operation=operation, group=sources[0], target=target)
    if len(sources) > 1:
        job.group_id, job.group_name = None, ", ".join(group.name for group in sources)[:400]
        job.wanted = ClientsToMove(None, tuple(group.id for group in sources)).to_json()
        job.total = sum(group.clients for group in sources)
    return job
