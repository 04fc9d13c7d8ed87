"""Find the current groups of clients: read each of them, several at a time."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connections

from groups.models import PosterCredentials
from groups.poster import ErrorReason, InvalidResponse
from groups.services.clients import find_client


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


def locate_each(client_ids: Collection[int], place: Callable[[int], int | None]) -> ClientLocations:
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


def group_of_client(
    credentials: PosterCredentials, client_id: int, *, within: float | None = None
) -> int | None:
    """Read where one client is: the same value as of `ClientLocations.group_of`."""
    try:
        client = find_client(credentials, client_id, within=within)
    except InvalidResponse as error:
        if error.reason == ErrorReason.UNREADABLE_ROW:
            return None
        raise
    return client.group_id if client else 0
