"""Count whom a move would change: clients whose own percent is larger than the new group's keep it."""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import PermissionDenied

from groups.models import PosterCredentials
from groups.poster import InvalidResponse, Unreachable
from groups.services.clients import SEARCHED_AT_MOST, VIEW_CLIENTS, pages_of


@dataclass(frozen=True, slots=True)
class MoveCount:
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
    for group_id, wanted in ids.items():
        with suppress(Unreachable, InvalidResponse):
            counts[group_id] = _count(credentials, group_id, percent, wanted, until)
    return counts


def _count(
    credentials: PosterCredentials,
    group_id: int,
    percent: Decimal,
    client_ids: Collection[int] | None,
    until: float,
) -> MoveCount | None:
    wanted = None if client_ids is None else set(client_ids)
    clients = keep_own = searched = 0
    for page in pages_of(credentials, group_id, until=until):
        searched += page.size
        if page.unreadable or searched > SEARCHED_AT_MOST:
            return None
        for client in page.clients:
            if not client.removed and (wanted is None or client.id in wanted):
                clients += 1
                keep_own += client.own_percent > percent
    return MoveCount(clients, keep_own)
