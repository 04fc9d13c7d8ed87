"""Read all clients of an account: the group of each, and what the members of each group have in bonuses."""

import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from groups.features.figures.models import Tally
from groups.features.insights.services.sweep import LONGEST_SWEEP, PAGE_SIZE
from groups.services.clients import pages_of
from groups.services.due import Turn
from groups.services.groups import list_groups_now
from groups.services.receipts import NotWhole


@dataclass(slots=True)
class Members:
    """The group of each client, and of each group its clients and their bonuses, None if one is unknown."""

    group_of: dict[int, int] = field(default_factory=dict)
    clients: Counter[int] = field(default_factory=Counter)
    removed: Counter[int] = field(default_factory=Counter)
    owed: dict[int, Decimal | None] = field(default_factory=dict)
    group_ids: list[int] = field(default_factory=list)


def read_members(turn: Turn[Tally]) -> Members:
    """Read all clients. Raises `NotWhole` unless the list is as long as the groups say, or twice the same."""
    counted = {group.id: group.clients for group in list_groups_now(turn.credentials).groups}
    members = _sweep(turn)
    if any(members.clients[group_id] != count for group_id, count in counted.items()):
        again = _sweep(turn)
        if (again.group_of, again.owed) != (members.group_of, members.owed):
            raise NotWhole("the clients are not the same twice")
        if any(members.clients[each] + members.removed[each] < count for each, count in counted.items()):
            raise NotWhole("a group has more clients than are listed")
    members.group_ids = sorted(counted.keys() | members.clients.keys())
    return members


def _sweep(turn: Turn[Tally]) -> Members:
    members, until = Members(), time.monotonic() + LONGEST_SWEEP
    for page in pages_of(turn.credentials, None, size=PAGE_SIZE, until=until):
        if page.unreadable:
            raise NotWhole("a client could not be read")
        for client in page.clients:
            if client.removed:
                members.removed[client.group_id] += 1
            elif client.group_id:
                members.group_of[client.id] = client.group_id
                members.clients[client.group_id] += 1
                owed = members.owed.get(client.group_id, Decimal(0))
                members.owed[client.group_id] = (
                    None if owed is None or client.bonus is None else owed + client.bonus
                )
        turn.stay()
    return members
