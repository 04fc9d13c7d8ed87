"""Move clients from group to group by jobs; remove the group of a retirement once it is proven to be empty.

Move a first client alone, and stop if anything but its group changed. Then go on in passes, until a pass
finds no client left to try. A job for all clients of a group reads it from its start in each pass, so clients
that joined meanwhile are moved too, and looks for each client of its snapshot that this list lacks. Chosen
clients may be in several groups: each is moved only out of the group in which it was chosen.

Clients are kept in a snapshot before they are moved: a whole group at first, chosen clients page by page.
"""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from itertools import batched, chain
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.snapshots import services as snapshots
from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import Content, Pairs
from groups.models.locks import future_key, members_key
from groups.poster import ClientList, Group, InvalidResponse, NotFound, Unreachable
from groups.services.clients import (
    SEARCHED_AT_MOST,
    VIEW_CLIENTS,
    count_members,
    find_client,
    pages_of,
    with_counted_clients,
)
from groups.services.gateway import call_poster
from groups.services.groups import find_group, read_now
from groups.services.jobs import executor, kinds
from groups.services.jobs.kinds import JobKind, progress_of
from groups.services.jobs.lease import JobLease, PutOff, Stopped, sender_of
from groups.services.writes.commands import MoveClient, RemoveGroup
from groups.services.writes.lag import have_moved
from groups.services.writes.reach import Reach, reached_by

if TYPE_CHECKING:
    from groups.features.snapshots.models import Snapshot

State, Reason = Change.State, Change.Reason
AT_ONCE = 250
"""Clients of one page: the page is moved before the next one is read."""


class ClientMove(NamedTuple):
    client_id: int
    from_id: int
    to_id: int


class MovingRun(ABC):
    """One run of a job that moves clients; a subclass says which, page by page."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = executor.OutageBackoff(lease)

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _pages(self) -> Iterator[Sequence[ClientMove]]:
        """Yield the clients to move, page by page; each must be processed before the next is taken."""

    def _may_be_tried(self, before: list[executor.Try]) -> bool:
        return executor.may_be_tried(before)

    def _taken(self, commands: Iterable[MoveClient]) -> Iterable[MoveClient]:
        """Yield the commands to send, at the moment when each is taken."""
        return commands

    # --- The run -------------------------------------------------------------------------------------------

    def run(self) -> None:
        if not self._job.tested:
            # A worker may have been killed before its first move had an outcome, or before it read that.
            executor.settle_open(self._lease)
            if first := executor.first_made(self._job, action=Change.Action.MOVE):
                self._check_first(first)
        self._begin()
        executor.run_passes(self._lease, self._pass)

    def _keep(self, page: Sequence[ClientMove]) -> None:
        """Keep those of a page who are about to be moved and that the job has not kept yet.

        Raises `Stopped` if their group is gone, and `PutOff` if the turn of the job is over.
        """
        coming: dict[int, list[int]] = {}
        for command in self._commands(page):
            if command.client_id not in self._kept:
                coming.setdefault(command.from_id, []).append(command.client_id)
        for group_id, client_ids in coming.items():
            begin = partial(snapshots.snapshot_of_chosen, self._job, group_id, sender_of(self._job))
            snapshot = self._ask_of_source(begin)
            for found in executor.read_each(self._lease, client_ids, partial(find_client, within=None)):
                self._lease.check_now()
                snapshots.add_clients(snapshot, [client for client in found.values() if client])
                self._kept.update(found)
                self._lease.note_progress()
                if self._lease.is_turn_over():
                    raise PutOff

    @cached_property
    def _kept(self) -> set[int]:
        return set(chain.from_iterable(map(snapshots.living_ids, self._job.snapshots.filter(complete=True))))

    def _ask_of_source[T](self, question: Callable[[], T]) -> T:
        """Ask Poster about a group that clients are moved out of.

        Poster may deny a group by mistake, so it is asked twice. Raises `Stopped` if the group is gone.
        """
        with suppress(NotFound):
            return self._backoff.ask_poster(question)
        self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
        try:
            return self._backoff.ask_poster(question)
        except NotFound:
            raise Stopped(Job.Stop.SOURCE_GONE, str(progress_of(self._job).done)) from None

    def _pass(self) -> bool:
        tried = False
        for page in self._pages():
            if not self._job.tested and (commands := self._commands(page)):
                # Move clients one by one until one move is applied.
                for change in executor.submit_one_by_one(self._lease, self._taken(commands)):
                    self._check_first(change)
                    if self._job.tested:
                        break
                tried = True
            if self._job.tested and (commands := self._commands(page)):
                changes = executor.submit_all(self._lease, self._taken(commands))
                if not changes and self._commands(page):
                    self._backoff.wait(Job.Stop.LOCKED)
                self._backoff.note(changes)
                tried = True
        return tried

    def _commands(self, page: Sequence[ClientMove]) -> list[MoveClient]:
        """Return the commands for the clients of a page who may still be tried."""
        tries: dict[int | None, list[executor.Try]] = {move.client_id: [] for move in page}
        rows = Change.objects.filter(job=self._job, client_id__in=list(tries))
        for client_id, *end in rows.values_list("client_id", *executor.Try._fields):
            tries[client_id].append(executor.Try(*end))
        # A client whose last try failed comes last, so that it keeps none of the others waiting.
        return [
            MoveClient(
                operation=uuid.uuid5(self._job.pk, f"{move.client_id} {len(tries[move.client_id])}"),
                job=self._job,
                client_id=move.client_id,
                from_id=move.from_id,
                to_id=move.to_id,
            )
            for move in sorted(page, key=lambda move: len(tries[move.client_id]))
            if self._may_be_tried(tries[move.client_id])
        ]

    def _check_first(self, change: Change) -> None:
        """Raise `Stopped` if anything but the client's group changed, or if Poster refused the move."""
        if change.state == State.REFUSED:
            raise Stopped(Job.Stop.REFUSED, change.message)
        if change.state in Change.MADE:
            executor.check_as_intended(change)
            self._job.move_on(Job.State.RUNNING, tested=True)


class MoveRun(MovingRun):
    """One run of a job that moves clients to one group.

    `sources` has the ids of the chosen clients of each group, or None for all of a group.
    """

    def __init__(self, lease: JobLease, sources: Mapping[int, Sequence[int] | None]) -> None:
        super().__init__(lease)
        self._sources = sources
        self._whole_groups = [group_id for group_id, chosen in sources.items() if chosen is None]
        # Snapshots of the whole groups.
        self._snapshots: dict[int, Snapshot] = {}
        # Clients who are not tried: their rows cannot be read, or they have left the group.
        self._left_out: dict[int, list[int | None]] = {}

    def _begin(self) -> None:
        for group_id, chosen in self._sources.items():
            sender = sender_of(self._job)
            if chosen is not None:
                self._ask_of_source(partial(read_now, sender, group_id))
                continue
            take = partial(snapshots.take_snapshot_for_job, self._job, group_id, sender, self._lease.check)
            self._snapshots[group_id] = self._ask_of_source(take)

    # --- The clients to move -------------------------------------------------------------------------------

    def _pages(self) -> Iterator[list[ClientMove]]:
        for group_id in self._whole_groups:
            yield from (self._moves(group_id, page) for page in self._pages_of_all(group_id))
        for group_id in self._whole_groups:
            yield from (self._moves(group_id, page) for page in self._pages_of_unlisted(group_id))
        for group_id, chosen in self._sources.items():
            for some in batched(chosen or (), AT_ONCE, strict=False):
                self._backoff.ask_poster(partial(executor.check_target, self._lease))
                page = self._moves(group_id, some)
                self._keep(page)
                yield page

    def _moves(self, group_id: int, client_ids: Iterable[int]) -> list[ClientMove]:
        return [ClientMove(client_id, group_id, self._job.target_id or 0) for client_id in client_ids]

    def _pages_of_all(self, group_id: int) -> Iterator[list[int]]:
        offset, self._left_out[group_id] = 0, []
        while True:
            page = self._ask_of_source(partial(self._read, group_id, offset))
            ids = [client.id for client in page.clients if not client.removed]
            # Clients that this job has moved and a user has moved back stay in the group.
            back = self._left(ids)
            yield ids
            self._left_out[group_id] += [row.id for row in page.unreadable]
            if page.size < AT_ONCE:
                return
            # Clients that left shift the rest forward, so advance the offset only by those still here.
            offset += page.size - (self._left(ids) - back)

    def _pages_of_unlisted(self, group_id: int) -> Iterator[list[int]]:
        """Yield the clients of the snapshot who are still in the group, though its list has lacked them."""
        left_out = self._left_out[group_id]
        for some in batched(snapshots.living_ids(self._snapshots[group_id]), AT_ONCE, strict=False):
            if untried := [command.client_id for command in self._commands(self._moves(group_id, some))]:
                self._backoff.ask_poster(partial(executor.check_target, self._lease))
                places = executor.find_clients(self._lease, untried, among=[group_id])
                if 0 in places.values():
                    # The clients of a group that was removed meanwhile are gone with it.
                    self._ask_of_source(partial(read_now, sender_of(self._job), group_id))
                unlisted = [each for each in untried if places[each] == group_id]
                left_out += set(untried).difference(unlisted, left_out)
                yield unlisted
        self._job.move_on(Job.State.RUNNING, unreadable=sum(map(len, self._left_out.values())))

    def _read(self, group_id: int, offset: int) -> ClientList:
        executor.check_target(self._lease)
        return call_poster(
            sender_of(self._job),
            lambda poster: poster.get_clients(
                group_id=group_id, num=AT_ONCE, offset=offset, order_by="client_id", sort="asc"
            ),
        )

    def _left(self, client_ids: list[int]) -> int:
        gone = Change.objects.filter(job=self._job, reason__in=(Reason.CLIENT_GONE, Reason.ELSEWHERE))
        left = (self._made() | gone).filter(client_id__in=client_ids)
        return left.order_by().values("client_id").distinct().count()

    def _made(self) -> ChangeQuerySet:
        return Change.objects.filter(job=self._job, action=Change.Action.MOVE, state__in=Change.MADE)

    # --- The removal of the group --------------------------------------------------------------------------

    def remove_when_empty(self) -> bool:
        """Remove the group if it is empty; return True if it is gone. Raises `Stopped` if that fails."""
        credentials = sender_of(self._job)
        read = partial(find_group, credentials, self._job.group_id or 0)
        group = self._backoff.ask_poster(read)
        if group is None:
            # Poster may omit a group by mistake, so read twice before it counts as gone.
            self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
            group = self._backoff.ask_poster(read)
        if group is None:
            return True
        group = self._ask_of_source(partial(with_counted_clients, credentials, group))
        if group.clients:
            page = self._ask_of_source(partial(self._read, group.id, 0))
            living = (client.id for client in page.clients if not client.removed)
            if self._commands(self._moves(group.id, living)):
                return False  # somebody is left to try
        remaining = self._not_proven_gone()
        if remaining or (group.clients and not have_moved(job=self._job)):
            raise Stopped(Job.Stop.NOT_EMPTY, str(len(remaining) or group.clients))
        if group.clients:
            self._backoff.wait(Job.Stop.NOT_EMPTY)  # Poster may not show the last moves yet
        return self._remove(group)

    def _remove(self, group: Group) -> bool:
        tries = Change.objects.filter(job=self._job, action=Change.Action.REMOVE).count()
        command = RemoveGroup(
            operation=uuid.uuid5(self._job.pk, f"remove {tries}"),
            group_id=group.id,
            loaded=group.values,
            loaded_clients=0,
            job=self._job,
        )
        try:
            changes = list(executor.submit_one_by_one(self._lease, [command]))
        except Stopped as stopped:
            if stopped.reason == Job.Stop.BEYOND_LIMITS:
                # More clients have joined than may be reached: as many as may be are moved first.
                return False
            raise
        for change in changes:
            if change.state == State.APPLIED or change.reason == Reason.GONE:
                return True
            if change.reason not in {*executor.NOTHING_SENT, Reason.CONFLICT, Reason.NOT_APPLIED}:
                raise Stopped(Job.Stop.NOT_REMOVED, change.message)
        return False

    def _not_proven_gone(self) -> list[int]:
        """Return the clients of the group that have not provably left it.

        The proof is a move of this job that was read back, or two reads of that single client. An empty list
        and a client count of 0 prove nothing, nor does a read before a move that was not sent: they may be
        outdated, and removing the group would remove its clients.
        """
        tried = Change.objects.filter(job=self._job).values_list("client_id", flat=True)
        living = chain.from_iterable(map(snapshots.living_ids, self._snapshots.values()))
        known = {*living, *filter(None, tried)}
        unproven = known.difference(self._made().filter(resolved_by="").values_list("client_id", flat=True))
        places = executor.find_clients(self._lease, unproven, among=[self._job.group_id or 0])
        return [each for each, group_id in places.items() if group_id in (None, self._job.group_id)]


# --- The jobs ----------------------------------------------------------------------------------------------


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


@kinds.register
class Move(JobKind):
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
        wanted, group_id = self.wanted, self.job.group_id
        if not wanted.groups:
            return {} if group_id is None else {group_id: wanted.clients}
        if wanted.clients is None:
            return dict.fromkeys(wanted.groups)
        pairs = list(zip(wanted.groups, wanted.clients, strict=True))
        return {
            group: tuple(client for of, client in pairs if of == group)
            for group in dict.fromkeys(wanted.groups)
        }

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

    Clients who are in the target already stay there; no form offers a move of them alone.
    """
    user = credentials.user
    if not user.has_perms(kind.permissions):
        raise PermissionDenied
    sources = [group for group in sources if group.id != target.id and ids[group.id] not in ([], ())]
    if not sources:
        raise ValueError("Nobody is to be moved.")
    return Job(
        id=operation,
        **credentials.sender_columns,
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


# --- Before a move starts ----------------------------------------------------------------------------------


class MoveCount(NamedTuple):
    """The clients that a move would take, as read now, and those of them that keep a larger own percent."""

    clients: int
    keep_own: int


def count_moves(
    credentials: PosterCredentials, *, percent: Decimal, ids: Mapping[int, Collection[int] | None]
) -> dict[int, MoveCount | None]:
    """Count the clients of each group, or these of them, before they get a group with this percent.

    A group has None if it has more than SEARCHED_AT_MOST clients, or some cannot be read, or Poster does not
    answer in time: no number is better than one that lacks clients.
    """
    if not credentials.user.has_perm(VIEW_CLIENTS):
        raise PermissionDenied
    until = time.monotonic() + settings.POSTER_READ_DEADLINE / 2
    counts: dict[int, MoveCount | None] = dict.fromkeys(ids)
    for group_id, client_ids in ids.items():
        wanted = None if client_ids is None else set(client_ids)
        clients = keep_own = searched = 0
        with suppress(Unreachable, InvalidResponse):
            for page in pages_of(credentials, group_id, until=until):
                searched += page.size
                if page.unreadable or searched > SEARCHED_AT_MOST:
                    break
                for client in page.clients:
                    if not client.removed and (wanted is None or client.id in wanted):
                        clients += 1
                        keep_own += client.own_percent > percent
            else:
                counts[group_id] = MoveCount(clients, keep_own)
    return counts
