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

from groups.crypto import SecretUnreadable
from groups.models import Change, ChangeQuerySet, Connection, Job
from groups.poster import ClientList, Group, NotFound
from groups.services import snapshots
from groups.services.clients import with_everybody
from groups.services.crew import NOTHING_SENT, Weather, may_be_tried, settle_open, submit_all, submit_and_see
from groups.services.groups import read_now
from groups.services.jobs import Hold, Stopped, actors
from groups.services.lag import moved_just_now
from groups.services.orders import GroupOrder, MoveOrder
from groups.services.settling import find_group
from groups.services.upstream import ask
from groups.services.whereabouts import Whereabouts, each_of, place_of

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
    connection: Connection,
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
        account=connection.account,
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


def move(hold: Hold) -> None:
    """Move all clients that the job is about."""
    _Move(hold).run()


def retire(hold: Hold) -> None:
    """Move everybody out of a group, and remove it when it is proven that nobody is in it."""
    moving = _Move(hold)
    try:
        moving.run()
        while not moving.remove_when_empty():
            moving.run()
    except SecretUnreadable:
        raise Stopped("snapshot_unreadable") from None


class _Move:
    """The work of one run of a job that moves clients."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._job = hold.job
        self._weather = Weather(hold)
        chosen: list[int] | None = self._job.wanted["clients"]
        self._chosen = chosen

    def run(self) -> None:
        """Go through the clients until nobody is left to try."""
        try:
            self._snapshot = self._weather.through(
                lambda: snapshots.take_for(self._job, *actors(self._job), self._hold.check)
            )
        except NotFound:
            raise Stopped("source_gone") from None
        more = True
        while more:
            # What an earlier run left open is looked after at the end: the others need not wait for it.
            tried = self._pass()
            more = settle_open(self._hold) or tried

    def _pass(self) -> bool:
        """Go through the clients once; say whether anybody was tried."""
        tried = False
        for client_ids in self._pages():
            if not self._job.tested:
                tried |= self._test(self._orders(client_ids))
            if self._job.tested:
                tried |= self._move(self._orders(client_ids))
        return tried

    def _move(self, orders: list[MoveOrder]) -> bool:
        """Move clients, several at a time; say whether there were any."""
        if not orders:
            return False
        changes = submit_all(self._hold, orders)
        if not changes:
            self._weather.wait("locked")
        self._weather.note(changes)
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
            page = self._weather.through(partial(self._read, offset))
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
        _, connection = actors(self._job)
        self._check_target(connection)
        return ask(
            connection,
            lambda poster: poster.get_clients(
                group_id=self._job.group_id, num=AT_ONCE, offset=offset, order_by="client_id", sort="asc"
            ),
        )

    def _check_target(self, connection: Connection) -> None:
        try:
            read_now(connection, self._job.target_id or 0)
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

    def _orders(self, client_ids: list[int]) -> list[MoveOrder]:
        """Return the orders for those who still may be tried."""
        user, connection = actors(self._job)
        tries: dict[int, list[tuple[str, str]]] = {client_id: [] for client_id in client_ids}
        rows = Change.objects.filter(job=self._job, client_id__in=client_ids)
        for client_id, state, reason in rows.values_list("client_id", "state", "reason"):
            tries[client_id or 0].append((state, reason))
        return [
            MoveOrder(
                user=user,
                connection=connection,
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

    def _test(self, orders: list[MoveOrder]) -> bool:
        """Move clients one by one until one has arrived, and stop if anything but the group changed.

        Say whether there were any. Nobody follows before one of them has arrived.
        """
        for order in orders:
            changes = submit_and_see(self._hold, self._weather, [order])
            if not changes:
                self._weather.wait("locked")
            for change in changes:
                self._check_first(change)
            if self._job.tested:
                break
        return bool(orders)

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
        user, connection = actors(self._job)
        group = self._weather.through(lambda: find_group(connection, self._job.group_id or 0))
        if group is None:
            return True
        group = self._weather.through(partial(with_everybody, connection, group))
        if group.clients and not self._nobody_left_to_try():
            return False
        staying = self._staying(connection)
        if staying or (group.clients and not moved_just_now(self._job)):
            return self._stop("not_empty", str(len(staying) or group.clients))
        if group.clients:
            self._weather.wait("not_empty")  # Poster does not show the last moves yet
            return False
        tries = Change.objects.filter(job=self._job, action=Change.Action.REMOVE).count()
        order = GroupOrder(
            user=user,
            connection=connection,
            action=Change.Action.REMOVE,
            operation=uuid.uuid5(self._job.pk, f"remove {tries}"),
            group_id=group.id,
            loaded=group.values,
            loaded_clients=0,
            job=self._job,
        )
        changes = submit_and_see(self._hold, self._weather, [order])
        if not changes:
            self._weather.wait("locked")
        return all(self._is_removed(change) for change in changes) and bool(changes)

    def _staying(self, connection: Connection) -> list[int]:
        """Return the clients that were in the group, or were to be moved, and have not provably left it.

        The journal proves it, or Poster when it is asked for each of them alone. A list that shows nobody and
        a counter of 0 may be late, and with the group all of its clients go.
        """
        tried = Change.objects.filter(job=self._job).values_list("client_id", flat=True)
        known = {*snapshots.living_ids(self._snapshot), *filter(None, tried)}
        unproven = known.difference(self._gone().values_list("client_id", flat=True))
        places = self._places(connection, unproven)
        if absent := unproven - places.groups.keys() - places.unreadable:
            # That somebody is in Poster no more is believed when it is seen twice.
            self._hold.wait(settings.POSTER_CONFIRM_SECONDS)
            again = self._places(connection, absent)
            places.groups |= again.groups
            places.unreadable |= again.unreadable
        in_group = (each for each, group_id in places.groups.items() if group_id == self._job.group_id)
        return [*places.unreadable, *in_group]

    def _places(self, connection: Connection, client_ids: set[int]) -> Whereabouts:
        return each_of(client_ids, partial(self._look, connection))

    def _look(self, connection: Connection, client_id: int) -> int | None:
        return self._weather.through(lambda: place_of(connection, client_id))

    def _is_removed(self, change: Change) -> bool:
        again = change.reason in {*NOTHING_SENT, "conflict", "not_applied"}
        if change.state == State.APPLIED or change.reason == "gone":
            return True
        return False if again else self._stop("not_removed", change.message)

    def _nobody_left_to_try(self) -> bool:
        page = self._weather.through(lambda: self._read(0))
        return not self._orders([client.id for client in page.clients if not client.removed])

    def _stop(self, reason: str, detail: str) -> bool:
        raise Stopped(reason, detail)
