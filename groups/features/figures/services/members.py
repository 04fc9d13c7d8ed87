"""Read all clients of an account: the group of each, and what the members of each group have in bonuses.

Clients in no group are those of the group 0.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from groups.features.figures.models import Tally
from groups.features.insights.services.sweep import LONGEST_SWEEP, PAGE_SIZE
from groups.services.clients import pages_of
from groups.services.due import Turn
from groups.services.facts import UNKNOWN, facts_of
from groups.services.groups import list_groups_now
from groups.services.receipts import Contradiction, NotWhole


@dataclass(slots=True)
class Members:
    """The group of each client, and of each group its clients and their bonuses, None if one is unknown.

    `moved` is what those who changed groups since the night before have brought or taken along.
    """

    group_of: dict[int, int] = field(default_factory=dict)
    clients: Counter[int] = field(default_factory=Counter)
    removed: Counter[int] = field(default_factory=Counter)
    owed: dict[int, Decimal | None] = field(default_factory=dict)
    moved: dict[int, Decimal | None] = field(default_factory=dict)
    group_ids: list[int] = field(default_factory=list)


def read_members(turn: Turn[Tally], before: Mapping[int, int]) -> Members:
    """Read all clients; `before` has the group of each in the night before.

    Raises `NotWhole` unless the list is as long as the groups say, or twice the same.
    """
    counted = {group.id: group.clients for group in list_groups_now(turn.credentials).groups}
    members, counts = _sweep(turn, before), facts_of(turn.credentials).value("groups.count")

    def agrees(group_id: int, count: int) -> bool:
        return members.clients[group_id] + (members.removed[group_id] if counts == "all" else 0) == count

    if counts == "other" or not all(agrees(*each) for each in counted.items()):
        again = _sweep(turn, before)
        if again != members:
            raise NotWhole("the clients are not the same twice")
        failure = NotWhole if counts == UNKNOWN else Contradiction
        if counts != "other" and any(
            members.clients[each] + members.removed[each] < count for each, count in counted.items()
        ):
            raise failure("a group has more clients than are listed")
    members.group_ids = sorted({0} | counted.keys() | members.clients.keys() | members.moved.keys())
    return members


def _sweep(turn: Turn[Tally], before: Mapping[int, int]) -> Members:
    members, until = Members(), time.monotonic() + LONGEST_SWEEP
    for page in pages_of(turn.credentials, None, size=PAGE_SIZE, until=until):
        if page.unreadable:
            raise NotWhole("a client could not be read")
        for client in page.clients:
            if client.removed:
                members.removed[client.group_id] += 1
                continue
            members.group_of[client.id] = client.group_id
            members.clients[client.group_id] += 1
            _add(members.owed, client.group_id, client.bonus)
            if (old := before.get(client.id, client.group_id)) != client.group_id:
                _add(members.moved, client.group_id, client.bonus)
                _add(members.moved, old, None if client.bonus is None else -client.bonus)
        turn.renew()
    return members


def _add(sums: dict[int, Decimal | None], group_id: int, amount: Decimal | None) -> None:
    before = sums.get(group_id, Decimal(0))
    sums[group_id] = None if before is None or amount is None else before + amount
