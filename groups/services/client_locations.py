"""Find the current groups of clients: read each client, or the whole account if that is less work."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connections

from groups.models import PosterCredentials
from groups.poster import ErrorReason, InvalidResponse
from groups.services.clients import READ_AT_ONCE, find_client, pages_of
from groups.services.gateway import seconds_left


@dataclass(slots=True)
class ClientLocations:
    """The group of each client, and the ids of clients that could not be read.

    A client in neither is gone: Poster no longer has it, or lists it as removed.
    """

    groups: dict[int, int] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)

    def group_of(self, client_id: int) -> int | None:
        """Return the id of a client's group, 0 if the client is gone, or None if it cannot be read."""
        return None if client_id in self.unreadable else self.groups.get(client_id, 0)


def look_for(
    credentials: PosterCredentials, client_ids: Collection[int], *, of_all: int, seconds: float
) -> ClientLocations:
    """Find clients in an account that has `of_all` clients. Raises `PosterError`."""
    until = time.monotonic() + seconds
    if len(client_ids) <= of_all // READ_AT_ONCE + 1:
        return each_of(
            client_ids,
            lambda each: place_of(credentials, each, within=seconds_left(until, "clients.getClient")),
        )
    found, missing = ClientLocations(), set(client_ids)
    unreadable: set[int | None] = set()
    for page in pages_of(credentials, None, until=until):
        for client in page.clients:
            if client.id in missing:
                missing.remove(client.id)
                if not client.removed:
                    found.groups[client.id] = client.group_id
        unreadable |= {row.id for row in page.unreadable}
    # A row without a readable id may be any client that was not found.
    found.unreadable = missing if None in unreadable else missing & unreadable
    return found


def each_of(client_ids: Collection[int], place: Callable[[int], int | None]) -> ClientLocations:
    """Find each client with `place`, several at a time; `place` returns the same values as `group_of`."""

    def find(client_id: int) -> tuple[int, int | None]:
        try:
            return client_id, place(client_id)
        finally:
            connections.close_all()

    found = ClientLocations()
    with ThreadPoolExecutor(settings.POSTER_MAX_CONCURRENCY, thread_name_prefix="look") as pool:
        for client_id, group_id in pool.map(find, client_ids):
            if group_id is None:
                found.unreadable.add(client_id)
            elif group_id:
                found.groups[client_id] = group_id
    return found


def place_of(credentials: PosterCredentials, client_id: int, *, within: float | None = None) -> int | None:
    """Read where one client is: the same value as of `ClientLocations.group_of`."""
    try:
        client = find_client(credentials, client_id, within=within)
    except InvalidResponse as error:
        if error.reason == ErrorReason.UNREADABLE_ROW:
            return None
        raise
    return client.group_id if client else 0
