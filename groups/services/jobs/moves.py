"""Move clients from one group to another, and retire a group without losing one of them.

A first client is moved alone: if anything but the group changed, nobody follows. The group is then gone
through from its start until a pass finds nobody left to try, so whoever came in meanwhile is moved too.
"""

import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied

from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.poster import ClientList, Group, NotFound
from groups.services import snapshots
from groups.services.client_locations import Whereabouts, each_of, place_of
from groups.services.clients import with_everybody
from groups.services.gateway import call_poster
from groups.services.groups import read_now
from groups.services.jobs.executor import (
    NOTHING_SENT,
    OutageBackoff,
    may_be_tried,
    settle_open,
    submit_all,
    submit_and_see,
)
from groups.services.jobs.lease import JobLease, Stopped, actors
from groups.services.writes.commands import GroupCommand, MoveClient
from groups.services.writes.lag import moved_just_now
from groups.services.writes.reconcile import find_group
from poster_admin.common.encryption import SecretUnreadable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = Change.State
RIGHT = "groups.move_client"
AT_ONCE = 250
"""Clients of one page: so many are under way before the next ones are read."""


class NoMove(Exception):
    """The move makes no sense: into the same group, or of nobody."""


def plan_move(
    *,
    user: "User",
    credentials: PosterCredentials,
    operation: uuid.UUID,
    group: Group,
    target: Group,
    client_ids: Iterable[int] | None = None,
    kind: Job.Kind = Job.Kind.MOVE,
) -> Job:
    """Return the job, not yet saved, that moves these clients of a group, or all. Raises `NoMove`."""
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    chosen = None if client_ids is None else sorted(set(client_ids))
    if group.id == target.id or chosen == []:
        raise NoMove
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=kind,
        group_id=group.id,
        group_name=group.name[:400],
        target_id=target.id,
        target_name=target.name[:400],
        wanted={"clients": chosen},
        total=group.clients if chosen is None else len(chosen),
    )


def move(lease: JobLease) -> None:
    """Move all clients that the job is about."""
    _Move(lease).run()


def retire(lease: JobLease) -> None:
    """Move everybody out of a group, and remove it when it is proven that nobody is in it."""
    moving = _Move(lease)
    try:
        moving.run()
        while not moving.remove_when_empty():
            moving.run()
    except SecretUnreadable:
        raise Stopped("snapshot_unreadable") from None


class _Move:
    """The work of one run of a job that moves clients."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = OutageBackoff(lease)
        chosen: list[int] | None = self._job.wanted["clients"]
        self._chosen = chosen

    def run(self) -> None:
        """Go through the clients until nobody is left to try."""
        try:
            self._snapshot = self._backoff.through(
                lambda: snapshots.take_for(self._job, *actors(self._job), self._lease.check)
            )
        except NotFound:
            raise Stopped("source_gone") from None
        more = True
        while more:
            # What an earlier run left open is looked after at the end: the others need not wait for it.
            tried = self._pass()
            more = settle_open(self._lease) or tried

    def _pass(self) -> bool:
        """Go through the clients once; say whether anybody was tried."""
        tried = False
        for client_ids in self._pages():
            if not self._job.tested:
                tried |= self._test(self._commands(client_ids))
            if self._job.tested:
                tried |= self._move(self._commands(client_ids))
        return tried

    def _move(self, commands: list[MoveClient]) -> bool:
        """Move clients, several at a time; say whether there were any."""
        if not commands:
            return False
        changes = submit_all(self._lease, commands)
        if not changes:
            self._backoff.wait("locked")
        self._backoff.note(changes)
        return True

    # --- Who is to be moved --------------------------------------------------------------------------------

    def _pages(self) -> Iterator[list[int]]:
        """Yield the ids of the clients page by page; a page is over when the next one is asked for."""
        if self._chosen is not None:
            for start in range(0, len(self._chosen), AT_ONCE):
                yield self._chosen[start : start + AT_ONCE]
            return
        offset, unreadable = 0, 0
        while True:
            page = self._backoff.through(partial(self._read, offset))
            ids = [client.id for client in page.clients if not client.removed]
            # Whom this job has moved and somebody has put back is here to stay.
            back = self._left(ids)
            yield ids
            unreadable += len(page.unreadable)
            if page.size < AT_ONCE:
                self._job.move_on(Job.State.RUNNING, unreadable=unreadable)
                return
            # Those who have left make room: the rest has moved up.
            offset += page.size - (self._left(ids) - back)

    def _read(self, offset: int) -> ClientList:
        _, credentials = actors(self._job)
        self._check_target(credentials)
        return call_poster(
            credentials,
            lambda poster: poster.get_clients(
                group_id=self._job.group_id, num=AT_ONCE, offset=offset, order_by="client_id", sort="asc"
            ),
        )

    def _check_target(self, credentials: PosterCredentials) -> None:
        try:
            read_now(credentials, self._job.target_id or 0)
        except NotFound:
            raise Stopped("target_gone") from None

    def _left(self, client_ids: list[int]) -> int:
        """Count those who are no longer in the group, as far as the journal tells."""
        gone = self._gone().filter(client_id__in=client_ids)
        return gone.order_by().values("client_id").distinct().count()

    def _gone(self) -> ChangeQuerySet:
        """Return the changes of this job that prove that a client has left the group."""
        rows = Change.objects.filter(job=self._job)
        made = rows.filter(action=Change.Action.MOVE, state__in=(State.APPLIED, State.DIFFERS))
        return made | rows.filter(reason__in=("client_gone", "elsewhere"))

    def _commands(self, client_ids: list[int]) -> list[MoveClient]:
        """Return the orders for those who still may be tried."""
        user, credentials = actors(self._job)
        tries: dict[int, list[tuple[str, str]]] = {client_id: [] for client_id in client_ids}
        rows = Change.objects.filter(job=self._job, client_id__in=client_ids)
        for client_id, state, reason in rows.values_list("client_id", "state", "reason"):
            tries[client_id or 0].append((state, reason))
        return [
            MoveClient(
                user=user,
                credentials=credentials,
                operation=uuid.uuid5(self._job.pk, f"{client_id} {len(before)}"),
                job=self._job,
                client_id=client_id,
                from_id=self._job.group_id or 0,
                to_id=self._job.target_id or 0,
            )
            for client_id, before in tries.items()
            if may_be_tried(before)
        ]

    # --- The first one -------------------------------------------------------------------------------------

    def _test(self, commands: list[MoveClient]) -> bool:
        """Move clients one by one until one has arrived, and stop if anything but the group changed.

        Say whether there were any. Nobody follows before one of them has arrived.
        """
        for command in commands:
            changes = submit_and_see(self._lease, self._backoff, [command])
            if not changes:
                self._backoff.wait("locked")
            for change in changes:
                self._check_first(change)
            if self._job.tested:
                break
        return bool(commands)

    def _check_first(self, change: Change) -> None:
        if change.state == State.REFUSED:
            raise Stopped("refused", change.message)
        if change.state in (State.APPLIED, State.DIFFERS):
            if changed := (change.after or {})["changed"]:
                raise Stopped("side_effect", ", ".join(changed))
            self._job.move_on(Job.State.RUNNING, tested=True)

    # --- The group that is left ----------------------------------------------------------------------------

    def remove_when_empty(self) -> bool:
        """Remove the group if nobody is in it; say whether it is gone. Raises `Stopped` if it cannot be."""
        user, credentials = actors(self._job)
        group = self._backoff.through(lambda: find_group(credentials, self._job.group_id or 0))
        if group is None:
            return True
        group = self._backoff.through(partial(with_everybody, credentials, group))
        if group.clients and not self._nobody_left_to_try():
            return False
        staying = self._staying(credentials)
        if staying or (group.clients and not moved_just_now(self._job)):
            return self._stop("not_empty", str(len(staying) or group.clients))
        if group.clients:
            self._backoff.wait("not_empty")  # Poster does not show the last moves yet
            return False
        tries = Change.objects.filter(job=self._job, action=Change.Action.REMOVE).count()
        command = GroupCommand(
            user=user,
            credentials=credentials,
            action=Change.Action.REMOVE,
            operation=uuid.uuid5(self._job.pk, f"remove {tries}"),
            group_id=group.id,
            loaded=group.values,
            loaded_clients=0,
            job=self._job,
        )
        changes = submit_and_see(self._lease, self._backoff, [command])
        if not changes:
            self._backoff.wait("locked")
        return all(self._is_removed(change) for change in changes) and bool(changes)

    def _staying(self, credentials: PosterCredentials) -> list[int]:
        """Return the clients that were in the group, or were to be moved, and have not provably left it.

        The journal proves it, or Poster when it is asked for each of them alone. A list that shows nobody and
        a counter of 0 may be late, and with the group all of its clients go.
        """
        tried = Change.objects.filter(job=self._job).values_list("client_id", flat=True)
        known = {*snapshots.living_ids(self._snapshot), *filter(None, tried)}
        unproven = known.difference(self._gone().values_list("client_id", flat=True))
        places = self._places(credentials, unproven)
        if absent := unproven - places.groups.keys() - places.unreadable:
            # That somebody is in Poster no more is believed when it is seen twice.
            self._lease.wait(settings.POSTER_CONFIRM_SECONDS)
            again = self._places(credentials, absent)
            places.groups |= again.groups
            places.unreadable |= again.unreadable
        in_group = (each for each, group_id in places.groups.items() if group_id == self._job.group_id)
        return [*places.unreadable, *in_group]

    def _places(self, credentials: PosterCredentials, client_ids: set[int]) -> Whereabouts:
        return each_of(client_ids, partial(self._look, credentials))

    def _look(self, credentials: PosterCredentials, client_id: int) -> int | None:
        return self._backoff.through(lambda: place_of(credentials, client_id))

    def _is_removed(self, change: Change) -> bool:
        again = change.reason in {*NOTHING_SENT, "conflict", "not_applied"}
        if change.state == State.APPLIED or change.reason == "gone":
            return True
        return False if again else self._stop("not_removed", change.message)

    def _nobody_left_to_try(self) -> bool:
        page = self._backoff.through(lambda: self._read(0))
        return not self._commands([client.id for client in page.clients if not client.removed])

    def _stop(self, reason: str, detail: str) -> bool:
        raise Stopped(reason, detail)
