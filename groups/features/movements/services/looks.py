"""Look at all clients of an account, and once more at those who are not where they were.

`clients.getClients` tells the group of a client along with all else of them; nothing says that it does so
with `client_id_only`. So a look is a sweep of all pages: of each row it takes id, group and the sum paid.
"""

import time
from collections.abc import Callable, Collection, Mapping

from django.utils import timezone

from groups.features.insights.services.sweep import PAGE_SIZE
from groups.features.movements.services.compare import GONE, NOWHERE, Look
from groups.models import PosterCredentials
from groups.poster import Client, PosterError
from groups.services.clients import ClientLocations, find_client, locate_each, pages_of
from groups.services.gateway import seconds_left

type Alive = Callable[[], object]

ASKED_ALONE = 100
"""Clients up to which the second look asks for each alone; for more of them it is another sweep."""
SECONDS_FOR_EACH = 60.0
"""Seconds that these questions may take; a client who is not reached until then is not proven to be gone."""
SAMPLE = 10
"""Missing clients whom a second sweep lacks too, and who are asked for alone nevertheless."""


def read_look(
    credentials: PosterCredentials, known: Mapping[int, int], *, until: float, alive: Alive
) -> Look:
    """Read all clients; `alive` is called after each page. Raises `PosterError`."""
    look = Look(timezone.now())
    for page in pages_of(credentials, None, size=PAGE_SIZE, until=until):
        for client in page.clients:
            place = _place_of(client)
            look.groups[client.id] = place
            if client.total_paid is not None and known.get(client.id) != place:
                look.paid[client.id] = client.total_paid
        look.unread |= {row.id for row in page.unreadable if row.id is not None}
        look.complete = look.complete and all(row.id is not None for row in page.unreadable)
        alive()
    return look


def _place_of(client: Client | None) -> int:
    if client is None or client.removed:
        return GONE
    return client.group_id or NOWHERE


def look_again(
    credentials: PosterCredentials, doubtful: Mapping[int, int], *, until: float, alive: Alive
) -> dict[int, int | None]:
    """Return where clients are by a second look, `GONE`, or None for those of whom it proves nothing.

    Each is asked for alone, another question than that for the list. Where they are too many, the list is
    read again; as it may be cut off twice, some of those whom it lacks are asked for alone: if one of them is
    there, nobody is missing. Raises `PosterError` if the list cannot be read.
    """
    if len(doubtful) <= ASKED_ALONE:
        located = _ask_each(credentials, doubtful)
        return {client_id: located.group_of(client_id) for client_id in doubtful}
    second = read_look(credentials, {}, until=until, alive=alive)
    found = {client_id: second.place_of(client_id) for client_id in doubtful}
    gone = [client_id for client_id, seen in doubtful.items() if seen == found[client_id] == GONE]
    sample = gone[:: -(-len(gone) // SAMPLE) or 1]
    located = _ask_each(credentials, sample)
    if any(located.group_of(client_id) != GONE for client_id in sample):
        found |= dict.fromkeys(gone)
    return found


def _ask_each(credentials: PosterCredentials, client_ids: Collection[int]) -> ClientLocations:
    """Ask for each client alone, several at a time; one who cannot be asked for is unreadable."""
    until = time.monotonic() + SECONDS_FOR_EACH

    def place(client_id: int) -> int | None:
        try:
            within = seconds_left(until, "clients.getClient")
            return _place_of(find_client(credentials, client_id, within=within))
        except PosterError:
            return None

    return locate_each(client_ids, place)
