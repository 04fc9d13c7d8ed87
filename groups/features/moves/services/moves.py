"""Plan the jobs that move clients to another group, or retire a group: move all its clients and remove it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.moves.services.move_run import MoveRun
from groups.models import Change, Job, PosterCredentials
from groups.models.contents import Content, Pairs
from groups.models.locks import future_key, members_key
from groups.models.submissions import Submission
from groups.poster import Group
from groups.services.clients import count_members
from groups.services.jobs import kinds
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

    @classmethod
    def of(cls, ids: Mapping[int, Collection[int] | None]) -> Self:
        """Return the clients of each group, or all of them where each group has None."""
        groups = tuple(ids) if len(ids) > 1 else ()
        chosen = {group: set(clients) for group, clients in ids.items() if clients is not None}
        if not chosen:
            return cls(None, groups)
        if len(chosen) < len(ids):
            raise ValueError("All clients of one group and some of another one are two jobs.")
        pairs = sorted((client, group) for group, clients in chosen.items() for client in clients)
        return cls(tuple(pair[0] for pair in pairs), groups and tuple(pair[1] for pair in pairs))

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


@kinds.register
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

    def pairs(self, credentials: PosterCredentials) -> Pairs | None:
        """Count who is in each group of which all clients are moved; chosen ones stay the same people."""
        if self.wanted.clients is not None:
            return None
        there = count_members(credentials, self.group_ids)
        return tuple((group_id, self.job.target_id or 0, count) for group_id, count in there.items())

    @property
    def sources(self) -> dict[int, tuple[int, ...] | None]:
        """The ids of the clients to move out of each group, None for all of it."""
        return self.wanted.by_group(self.job.group_id)

    @property
    def group_ids(self) -> list[int]:
        return list(self.sources)

    def work(self, lease: JobLease) -> None:
        MoveRun(lease, self.sources).run()

    @property
    def title(self) -> str:
        names = {"group": self.job.group_name, "target": self.job.target_name}
        return _("Clients: “%(group)s” → “%(target)s”") % names


@kinds.register
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
        removed = Change.objects.filter(job=self.job, action=Change.Action.REMOVE, state__in=Change.MADE)
        if removed.exists():
            return  # a run before this one has ended just after the removal
        moving = MoveRun(lease, self.sources)
        moving.run()
        while not moving.remove_when_empty():
            moving.run()

    @property
    def request_words(self) -> str:
        return _("What is removed cannot be brought back by Poster.")

    @property
    def title(self) -> str:
        names = {"group": self.job.group_name, "target": self.job.target_name}
        return _("Retire “%(group)s”, its clients go to “%(target)s”") % names


def plan_move(
    *,
    credentials: PosterCredentials,
    operation: uuid.UUID,
    sources: Sequence[Group],
    target: Group,
    ids: Mapping[int, Collection[int] | None],
    kind: type[Move] = Move,
) -> Job:
    """Return the unsaved job that moves the clients of `ids` out of each source: all of it for None.

    Clients who are in the target already stay there. Raises `NoMove`.
    """
    user = credentials.user
    if not user.has_perms(kind.permissions):
        raise PermissionDenied
    sources = [group for group in sources if group.id != target.id and ids[group.id] not in ([], ())]
    if not sources:
        raise NoMove
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=kind.kind,
        group_id=sources[0].id if len(sources) == 1 else None,
        group_name=", ".join(group.name for group in sources)[:400],
        target_id=target.id,
        target_name=target.name[:400],
        wanted=ClientsToMove.of({group.id: ids[group.id] for group in sources}).to_json(),
        total=sum(
            group.clients if (chosen := ids[group.id]) is None else len(set(chosen)) for group in sources
        ),
    )


def retirement_submission(
    group_id: int, target_id: int, *, credentials: PosterCredentials, operation: uuid.UUID
) -> Submission:
    """Return the form of a user that asks for the retirement of a group."""
    return Job(
        id=operation,
        account=credentials.account,
        user=credentials.user,
        kind=Retire.kind,
        group_id=group_id,
        target_id=target_id,
        wanted=ClientsToMove(None).to_json(),
    ).submission
