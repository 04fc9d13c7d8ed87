"""Run the jobs that move clients to another group, or retire a group: move all its clients and remove it.

Move a first client alone, and stop if anything but its group changed. Then read the group from its start, in
passes, until a pass finds no client left to try; so clients that joined meanwhile are moved too. Chosen
clients may be in several groups: each is moved only out of the group in which it was chosen.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, chain
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import snapshots
from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import ClientAfter, Content
from groups.models.locks import future_key, members_key
from groups.models.submissions import Submission
from groups.poster import ClientList, Group, NotFound
from groups.services.clients import count_members, with_everybody
from groups.services.gateway import call_poster
from groups.services.groups import find_group
from groups.services.jobs.executor import (
    NOTHING_SENT,
    OutageBackoff,
    check_target,
    find_clients,
    first_made,
    may_be_tried,
    run_passes,
    submit_all,
    submit_one_by_one,
)
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped, actors
from groups.services.writes.commands import MoveClient, RemoveGroup
from groups.services.writes.lag import moved_just_now
from groups.services.writes.reach import Reach, reached_by

State, Reason = Change.State, Change.Reason
AT_ONCE = 250
"""Clients of one page: the page is moved before the next one is read."""


class NoMove(Exception):
    """The move is pointless: source and target are the same group, or no clients are chosen."""


@dataclass(frozen=True, slots=True)
class ClientsToMove(Content):
    """`wanted` of a job that moves clients: their ids, or None for all clients of the job's group.

    If they are in several groups, the job has no single group, and `groups` has the group of each client.
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
        pairs = list(zip(self.groups, self.clients or (), strict=True))
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
        """Return the reach of a move: the chosen clients, or those in the group and those it has moved."""
        if (clients := self.wanted.clients) is not None:
            return Reach(clients=len(clients))
        there = count_members(credentials, [self.job.group_id or 0]) if credentials else {}
        return Reach(clients=sum(there.values()) + reached_by(self.job.pk))

    @property
    def group_ids(self) -> list[int]:
        return list(self.wanted.by_group(self.job.group_id))

    def work(self, lease: JobLease) -> None:
        _Move(lease).run()

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
        moving = _Move(lease)
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


def submission_of(
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


class _Move:
    """One run of a job that moves clients."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = OutageBackoff(lease)
        self._sources = ClientsToMove.from_json(self._job.wanted).by_group(self._job.group_id)

    def run(self) -> None:
        """Take a snapshot of each group, then move clients in passes until none is left to try."""
        # A worker may have been killed before it looked at the first move.
        if not self._job.tested and (first := first_made(self._job, Change.Action.MOVE)):
            self._check_first(first)
        self._snapshots = [self._take_snapshot(group_id) for group_id in self._sources]
        run_passes(self._lease, self._pass)

    def _take_snapshot(self, group_id: int) -> Snapshot:
        try:
            return self._backoff.through(
                lambda: snapshots.take_snapshot_for_job(
                    self._job, group_id, self._sources[group_id], *actors(self._job), self._lease.check
                )
            )
        except NotFound:
            raise Stopped(Job.Stop.SOURCE_GONE) from None

    def _pass(self) -> bool:
        """Go through the clients once; return True if any was tried."""
        tried = False
        for group_id, client_ids in self._pages():
            if not self._job.tested:
                tried |= self._test(self._commands(group_id, client_ids))
            if self._job.tested:
                tried |= self._move(self._commands(group_id, client_ids))
        return tried

    def _move(self, commands: list[MoveClient]) -> bool:
        """Move clients, several at a time; return True if there were any."""
        if not commands:
            return False
        changes = submit_all(self._lease, commands)
        if not changes:
            self._backoff.wait(Job.Stop.LOCKED)
        self._backoff.note(changes)
        return True

    # --- The clients to move -------------------------------------------------------------------------------

    def _pages(self) -> Iterator[tuple[int, list[int]]]:
        """Yield a group and ids of its clients, page by page.

        Each page must be processed before the next is taken.
        """
        for group_id, chosen in self._sources.items():
            if chosen is None:
                for page in self._pages_of_all(group_id):
                    yield group_id, page
                continue
            for some in batched(chosen, AT_ONCE, strict=False):
                self._backoff.through(partial(check_target, self._lease))
                yield group_id, list(some)

    def _pages_of_all(self, group_id: int) -> Iterator[list[int]]:
        offset, unreadable = 0, 0
        while True:
            page = self._backoff.through(partial(self._read, group_id, offset))
            ids = [client.id for client in page.clients if not client.removed]
            # Clients that this job has moved and a user has moved back stay in the group.
            back = self._left(ids)
            yield ids
            unreadable += len(page.unreadable)
            if page.size < AT_ONCE:
                self._job.move_on(Job.State.RUNNING, unreadable=unreadable)
                return
            # Clients that left shift the rest forward, so advance the offset only by those still here.
            offset += page.size - (self._left(ids) - back)

    def _read(self, group_id: int, offset: int) -> ClientList:
        check_target(self._lease)
        _, credentials = actors(self._job)
        return call_poster(
            credentials,
            lambda poster: poster.get_clients(
                group_id=group_id, num=AT_ONCE, offset=offset, order_by="client_id", sort="asc"
            ),
        )

    def _left(self, client_ids: list[int]) -> int:
        """Count the clients that have left the group according to the journal."""
        gone = self._gone().filter(client_id__in=client_ids)
        return gone.order_by().values("client_id").distinct().count()

    def _gone(self) -> ChangeQuerySet:
        """Return the changes of this job that prove that their client has left the group."""
        rows = Change.objects.filter(job=self._job)
        made = rows.filter(action=Change.Action.MOVE, state__in=Change.MADE)
        return made | rows.filter(reason__in=(Reason.CLIENT_GONE, Reason.ELSEWHERE))

    def _commands(self, group_id: int, client_ids: list[int]) -> list[MoveClient]:
        """Return the commands for the clients of a group that may still be tried."""
        tries: dict[int, list[tuple[str, str]]] = {client_id: [] for client_id in client_ids}
        rows = Change.objects.filter(job=self._job, client_id__in=client_ids)
        for client_id, state, reason in rows.values_list("client_id", "state", "reason"):
            tries[client_id or 0].append((state, reason))
        # A client whose last try failed comes last, so that it keeps none of the others waiting.
        return [
            MoveClient(
                operation=uuid.uuid5(self._job.pk, f"{client_id} {len(before)}"),
                job=self._job,
                client_id=client_id,
                from_id=group_id,
                to_id=self._job.target_id or 0,
            )
            for client_id, before in sorted(tries.items(), key=lambda item: len(item[1]))
            if may_be_tried(before)
        ]

    # --- The first client ----------------------------------------------------------------------------------

    def _test(self, commands: list[MoveClient]) -> bool:
        """Move clients one by one until one move is applied; return True if there were any clients.

        Raises `Stopped` if anything but the client's group changed.
        """
        for change in submit_one_by_one(self._lease, commands):
            self._check_first(change)
            if self._job.tested:
                break
        return bool(commands)

    def _check_first(self, change: Change) -> None:
        if change.state == State.REFUSED:
            raise Stopped(Job.Stop.REFUSED, change.message)
        if change.state in Change.MADE:
            if changed := ClientAfter.from_json(change.after).changed:
                raise Stopped(Job.Stop.SIDE_EFFECT, ", ".join(changed))
            self._job.move_on(Job.State.RUNNING, tested=True)

    # --- The removal of the group --------------------------------------------------------------------------

    def remove_when_empty(self) -> bool:
        """Remove the group if it is empty; return True if it is gone. Raises `Stopped` if that fails."""
        _, credentials = actors(self._job)
        look = partial(find_group, credentials, self._job.group_id or 0)
        group = self._backoff.through(look)
        if group is None:
            # Poster may omit a group by mistake, so look twice before it counts as gone.
            self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
            group = self._backoff.through(look)
        if group is None:
            return True
        group = self._backoff.through(partial(with_everybody, credentials, group))
        if group.clients and not self._nobody_left_to_try():
            return False
        staying = self._staying(credentials)
        if staying or (group.clients and not moved_just_now(self._job)):
            raise Stopped(Job.Stop.NOT_EMPTY, str(len(staying) or group.clients))
        if group.clients:
            self._backoff.wait(Job.Stop.NOT_EMPTY)  # Poster may not show the last moves yet
        tries = Change.objects.filter(job=self._job, action=Change.Action.REMOVE).count()
        command = RemoveGroup(
            operation=uuid.uuid5(self._job.pk, f"remove {tries}"),
            group_id=group.id,
            loaded=group.values,
            loaded_clients=0,
            job=self._job,
        )
        return any(map(self._is_removed, submit_one_by_one(self._lease, [command])))

    def _staying(self, credentials: PosterCredentials) -> list[int]:
        """Return the clients of the group that have not provably left it.

        The proof is a change in the journal, or a read of that single client. An empty list and a client
        count of 0 prove nothing: they may be outdated, and removing the group would remove its clients.
        """
        tried = Change.objects.filter(job=self._job).values_list("client_id", flat=True)
        living = chain.from_iterable(map(snapshots.living_ids, self._snapshots))
        known = {*living, *filter(None, tried)}
        unproven = known.difference(self._gone().values_list("client_id", flat=True))
        places = find_clients(self._backoff, credentials, unproven)
        if absent := unproven - places.groups.keys() - places.unreadable:
            # Poster may omit a client by mistake, so read twice before a client counts as gone.
            self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
            again = find_clients(self._backoff, credentials, absent)
            places.groups |= again.groups
            places.unreadable |= again.unreadable
        in_group = (each for each, group_id in places.groups.items() if group_id == self._job.group_id)
        return [*places.unreadable, *in_group]

    def _is_removed(self, change: Change) -> bool:
        if change.state == State.APPLIED or change.reason == Reason.GONE:
            return True
        if change.reason in {*NOTHING_SENT, Reason.CONFLICT, Reason.NOT_APPLIED}:
            return False
        raise Stopped(Job.Stop.NOT_REMOVED, change.message)

    def _nobody_left_to_try(self) -> bool:
        group_id = self._job.group_id or 0
        page = self._backoff.through(lambda: self._read(group_id, 0))
        return not self._commands(group_id, [client.id for client in page.clients if not client.removed])
