"""Read the clients of a group from Poster, page by page, or find where some are. They are never stored here.

Poster itself pages, sorts, and finds a whole phone number. For a name, a card or a part of a number, read the
group's clients up to a limit.
"""

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Literal

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.utils import timezone

from groups.models import PosterCredentials
from groups.poster import (
    Client,
    ClientList,
    ErrorReason,
    Group,
    InvalidResponse,
    NotFound,
    PosterClient,
    PosterError,
    UnreadableRow,
)
from groups.services.gateway import call_poster, remaining, seconds_left
from groups.services.groups import list_groups

VIEW_CLIENTS = "groups.view_client"
PAGE_SIZE = 50
READ_AT_ONCE = 500
COUNTED_AT_ONCE = 2_000
SEARCHED_AT_MOST = 5_000
"""The most clients that one search reads; the next search continues from there."""
SECONDS_FOR_ALL = 40.0
SECONDS_FOR_NAMES = 3.0
"""Seconds that a page waits for the names of its clients."""

type Field = Literal["client_id", "lastname", "birthday", "bonus", "total_payed_sum", "discount_per"]


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order for Poster's list. Only in the order of ids can pages not overlap."""

    by: Field = "client_id"
    descending: bool = False

    def holds(self, clients: tuple[Client, ...]) -> bool:
        """Check numbers alone: Poster does not document the fields that it can sort by."""
        number_of = _NUMBERS.get(self.by)
        values = [value for client in clients if number_of and (value := number_of(client)) is not None]
        return values == sorted(values, reverse=self.descending)


_NUMBERS: dict[str, Callable[[Client], Decimal | None]] = {
    "bonus": lambda client: client.bonus,
    "total_payed_sum": lambda client: client.total_paid,
    "discount_per": lambda client: client.own_percent,
}
BY_ID = Order()


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class FoundClients:
    """Clients at `as_of`, without removed ones.

    `removed` counts the clients that were left out. `more` is True for a next page, or for clients that the
    search has not reached. `searched` is the number of clients read by a search, or None if Poster found
    these clients itself. `in_order` is False if Poster has not sorted them as required.
    """

    clients: tuple[Client, ...]
    unreadable: tuple[UnreadableRow, ...] = ()
    removed: int = 0
    as_of: datetime
    more: bool = False
    searched: int | None = None
    in_order: bool = True


def list_members(
    credentials: PosterCredentials, group: Group, *, order: Order = BY_ID, page: int = 1
) -> FoundClients:
    _check_right(credentials)
    ask = partial(PosterClient.get_clients, group_id=group.id, num=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    in_order = partial(ask, order_by=order.by, sort="desc" if order.descending else "asc")
    answer = call_poster(credentials, in_order)
    clients = _living(answer)
    # Poster does not say whether a full page is the last one. On page 1 the group's client count shows it;
    # a lower count than what was read is late.
    everybody = page == 1 and len(clients) == group.clients
    return FoundClients(
        clients=clients,
        unreadable=answer.unreadable,
        removed=len(answer.clients) - len(clients),
        as_of=timezone.now(),
        more=answer.size == PAGE_SIZE and not everybody,
        in_order=order.holds(clients),
    )


def search_clients(
    credentials: PosterCredentials,
    group_id: int | None = None,
    *,
    matches: Callable[[Client], bool],
    phones: tuple[str, ...] = (),
    start: int = 0,
) -> FoundClients:
    """Find clients of the account, or of one group, that match, in the order of their ids.

    First ask Poster for each of `phones`, the digits of a whole number. If none is found, read from `start`
    until the end, until SEARCHED_AT_MOST clients, or until half of the page's deadline has passed.
    """
    _check_right(credentials)
    for phone in phones:
        answer = call_poster(credentials, partial(PosterClient.get_clients, phone=phone))
        found = tuple(client for client in _living(answer) if group_id in (None, client.group_id))
        if found:
            return FoundClients(clients=found, as_of=timezone.now())
    matching: list[Client] = []
    unreadable: list[UnreadableRow] = []
    searched = removed = 0
    began = time.monotonic()
    deadline = settings.POSTER_READ_DEADLINE
    for answer in pages_of(credentials, group_id, start=start, until=began + deadline):
        clients = _living(answer)
        matching += filter(matches, clients)
        unreadable += answer.unreadable
        searched += answer.size
        removed += len(answer.clients) - len(clients)
        more = answer.size == READ_AT_ONCE
        if searched >= SEARCHED_AT_MOST or time.monotonic() - began > deadline / 2:
            break
    return FoundClients(
        clients=tuple(matching),
        unreadable=tuple(unreadable),
        removed=removed,
        as_of=timezone.now(),
        more=more,
        searched=searched,
    )


def every_member(credentials: PosterCredentials, group_id: int) -> list[Client | UnreadableRow]:
    """Put unreadable rows behind the clients of their page, so that no client is silently missing."""
    _check_right(credentials)
    everybody: list[Client | UnreadableRow] = []
    for answer in pages_of(credentials, group_id, until=time.monotonic() + SECONDS_FOR_ALL):
        everybody += _living(answer)
        everybody += answer.unreadable
    return everybody


def with_counted_clients(
    credentials: PosterCredentials, group: Group, *, within: float | None = None
) -> Group:
    """Return the group; if its client count is 0, replace that with the number of clients that are listed.

    Removing a group removes its clients, and the count may be outdated. Raises `PosterError`; then it is not
    proven that the group is empty.
    """
    if group.clients:
        return group
    return group.replace(clients=count_listed(credentials, group.id, within=within))


def count_listed(credentials: PosterCredentials, group_id: int, *, within: float | None) -> int:
    """Count the clients in Poster's list of a group; it is empty only if two checks say so."""
    began = time.monotonic()
    count = partial(count_members, credentials, [group_id])
    return count(within=within)[group_id] or count(within=remaining(within, began))[group_id]


def count_members(
    credentials: PosterCredentials, group_ids: Collection[int], *, within: float | None = None
) -> dict[int, int]:
    """Count the clients of groups in Poster's list of clients. Raises `PosterError`.

    Removed clients do not count. An unreadable one does, in each of several groups, since nothing says which
    one it is in. The list of one group is read, or else that of the whole account once.
    """
    single = next(iter(group_ids)) if len(group_ids) == 1 else None
    counts = dict.fromkeys(group_ids, 0)
    if not counts:
        return counts
    until = time.monotonic() + (settings.POSTER_READ_DEADLINE if within is None else within)
    for page in pages_of(credentials, single, until=until, size=COUNTED_AT_ONCE):
        found = Counter(client.group_id if single is None else single for client in _living(page))
        for group_id in counts:
            counts[group_id] += found[group_id] + len(page.unreadable)
    return counts


def find_client(credentials: PosterCredentials, client_id: int, *, within: float | None) -> Client | None:
    """Return None also for a client who is removed. Raises `PosterError`."""
    try:
        return call_poster(credentials, lambda poster: poster.get_client(client_id, within=within))
    except NotFound:
        return None


def find_clients(credentials: PosterCredentials, client_ids: Collection[int]) -> dict[int, Client | None]:
    """Read clients from Poster, for a user who may see them.

    One is None if it is gone, and missing if that takes too long. A small account is read at once; in a
    large one each client is read alone, several at a time.
    """
    if not client_ids or not credentials.user.has_perm(VIEW_CLIENTS):
        return {}
    until = time.monotonic() + SECONDS_FOR_NAMES

    def find(client_id: int) -> Client | PosterError | None:
        try:
            left = seconds_left(until, "clients.getClient")
            return find_client(credentials, client_id, within=left)
        except PosterError as error:
            return error

    found: dict[int, Client | None] = {}
    with suppress(PosterError):
        if list_groups(credentials).totals.clients > COUNTED_AT_ONCE:
            answers = ask_each(client_ids, find)
            return {each: answer for each, answer in answers if not isinstance(answer, PosterError)}
        for page in pages_of(credentials, None, size=COUNTED_AT_ONCE - 1, until=until):
            found |= {client.id: client for client in page.clients if client.id in client_ids}
        return dict.fromkeys(client_ids) | found
    return found


def find_names(credentials: PosterCredentials, client_ids: Collection[int]) -> dict[int, str]:
    """Return the names of these clients; empty if the client is gone, and missing if that takes too long."""
    found = find_clients(credentials, client_ids)
    return {client_id: client.name if client else "" for client_id, client in found.items()}


def ask_each[T](client_ids: Collection[int], ask: Callable[[int], T]) -> Iterator[tuple[int, T]]:
    def answer(client_id: int) -> tuple[int, T]:
        try:
            return client_id, ask(client_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(settings.POSTER_MAX_CONCURRENCY, thread_name_prefix="clients") as pool:
        yield from pool.map(answer, client_ids)


def group_of_client(
    credentials: PosterCredentials, client_id: int, *, within: float | None = None
) -> int | None:
    """Read the id of a client's group: 0 if Poster no longer has the client, None if it cannot be read."""
    try:
        client = find_client(credentials, client_id, within=within)
    except InvalidResponse as error:
        if error.reason == ErrorReason.UNREADABLE_ROW:
            return None
        raise
    return client.group_id if client else 0


def _check_right(credentials: PosterCredentials) -> None:
    if not credentials.user.has_perm(VIEW_CLIENTS):
        raise PermissionDenied


def _living(answer: ClientList) -> tuple[Client, ...]:
    return tuple(client for client in answer.clients if not client.removed)


def pages_of(
    credentials: PosterCredentials,
    group_id: int | None,
    *,
    start: int = 0,
    until: float = math.inf,
    size: int = 0,
) -> Iterator[ClientList]:
    """Yield the clients of a group, or of the account, in the order of their ids, in pages of `size`.

    Where Poster gives everybody at once, or those of every group, there is one page; where the connection
    check has seen that its list ends too soon, raises `InvalidResponse` with the reason "cut". Else each
    request overlaps the page before by one client. If that client is not first, the list has changed between
    the requests and clients may be missing: raises `InvalidResponse` with the reason "moving".
    """
    offset = start
    size = size or READ_AT_ONCE
    last: int | None = None
    while True:
        within = seconds_left(until, "clients.getClients")
        again = 0 if last is None else 1

        def ask(
            poster: PosterClient, num: int = size + again, skip: int = offset - again, within: float = within
        ) -> tuple[bool, ClientList]:
            dialect = poster.dialect
            if dialect.cut:
                raise InvalidResponse("the list is cut", method="clients.getClients", reason=ErrorReason.CUT)
            is_all = dialect.at_once or (dialect.unfiltered and group_id is not None)
            num = sys.maxsize if is_all else num
            ask = partial(poster.get_clients, group_id=group_id, order_by="client_id", sort="asc")
            return is_all, ask(num=num, offset=skip, within=within)

        is_all, answer = call_poster(credentials, ask)
        if is_all:
            yield answer
            return
        if last is not None:
            if not answer.clients or answer.clients[0].id != last:
                raise InvalidResponse(
                    "the list moved", method="clients.getClients", reason=ErrorReason.MOVING
                )
            answer = ClientList(answer.clients[1:], answer.unreadable, answer.rows[1:])
        yield answer
        if answer.size < size:
            return
        offset += answer.size
        last = None if answer.unreadable else answer.clients[-1].id
