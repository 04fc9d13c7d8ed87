"""Count whom a move would change: clients whose own percent is larger than the new group's keep it."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied

from groups.models import PosterCredentials
from groups.services.clients import RIGHT, SEARCHED_AT_MOST, pages_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class MoveCount:
    """The clients that a move would take, as read now, and those of them that keep a larger own percent."""

    clients: int
    keep_own: int


def count_move(
    *,
    user: "User",
    credentials: PosterCredentials,
    group_id: int,
    percent: Decimal,
    client_ids: Collection[int] | None,
) -> MoveCount | None:
    """Count the clients of a group, or these of them, before they get a group with this percent.

    Return None if there are more than SEARCHED_AT_MOST clients to read, or some cannot be read: no number is
    better than one that lacks clients. Raises `PosterError`.
    """
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    wanted = None if client_ids is None else set(client_ids)
    clients = keep_own = searched = 0
    for page in pages_of(credentials, group_id, until=time.monotonic() + settings.POSTER_READ_DEADLINE / 2):
        searched += page.size
        if page.unreadable or searched > SEARCHED_AT_MOST:
            return None
        for client in page.clients:
            if not client.removed and (wanted is None or client.id in wanted):
                clients += 1
                keep_own += client.own_percent > percent
    return MoveCount(clients, keep_own)
