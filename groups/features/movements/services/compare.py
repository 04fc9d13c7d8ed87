"""Compare a look at all clients with the roll, and find who came and who left.

Pure functions, without calls or database queries. A movement that never was is worse than a late one, so:

- moves made here come first, in their order: they are told as the journal has them;
- a client with a change that is open or needs a person is left until that has an outcome;
- a read may be late: who is seen where they were up to POSTER_LAG_SECONDS ago is compared the next time;
- any other difference has to be confirmed by a second look, see `doubtful`;
- who is in no list, and not marked as removed either, is removed only if the look before lacked them too;
- a row that cannot be read says nothing, and while one has no readable id, nobody is missing.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

GONE = 0
"""The place of a client whom Poster does not have, in the form of the id of a group."""
NOWHERE = -1
"""The place of a client who is in no group."""


@dataclass(slots=True)
class Look:
    """One read of all clients: the group of each, `NOWHERE` without one, `GONE` for one listed as removed.

    `unread` are clients with a row that cannot be read; it is not `complete` if a row has no readable id.
    `paid` are the sums paid in all of those who are elsewhere than before.
    """

    began: datetime
    groups: dict[int, int] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)
    complete: bool = True
    paid: dict[int, Decimal] = field(default_factory=dict)

    def place_of(self, client_id: int) -> int | None:
        """Return the group of a client, or `GONE`; None if the look does not say."""
        if client_id in self.unread:
            return None
        return self.groups.get(client_id, GONE if self.complete else None)


@dataclass(frozen=True, slots=True)
class OwnMove:
    """A move made here, as the journal has it."""

    change: uuid.UUID
    from_id: int
    to_id: int
    sent_at: datetime
    settled_at: datetime


@dataclass(slots=True)
class OwnChanges:
    """The changes of clients in the journal: their moves in order, and those that have no outcome yet.

    `unseen` are moves whose answer was lost, by client and target: one may come true after it has counted as
    not made.
    """

    moves: dict[int, list[OwnMove]] = field(default_factory=dict)
    open_clients: set[int] = field(default_factory=set)
    unseen: dict[tuple[int, int], OwnMove] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A client who has gone from one place to another, by a move made here or not."""

    client_id: int
    from_id: int
    to_id: int
    own: OwnMove | None = None


@dataclass(slots=True)
class Comparison:
    """The findings, the new roll, and those whose difference needs a second look, with what was seen.

    `missing` are clients whom this look lacks, and who stay in the roll until the next one.
    """

    findings: list[Finding] = field(default_factory=list)
    groups: dict[int, int] = field(default_factory=dict)
    doubtful: dict[int, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)


def compare(
    known: Mapping[int, int],
    look: Look,
    own: OwnChanges,
    *,
    not_after: datetime,
    judged_at: datetime | None = None,
    left: Collection[tuple[int, int]] = (),
    missing: Collection[int] = (),
    confirmed: Mapping[int, int | None] | None = None,
) -> Comparison:
    """Bring the roll up to date with a look, by what a second look has `confirmed`.

    The moves made here up to `judged_at` were there for the look before. Places that a client has left after
    `not_after`, by a move made here or as told in `left`, are not believed: the look may be older than that.
    The look before lacked those who were `missing`.
    """
    result = Comparison(groups=dict(known))
    for client_id in known.keys() | look.groups.keys() | own.moves.keys():
        place, seen = known.get(client_id, GONE), look.place_of(client_id)
        moves = own.moves.get(client_id, ())
        if place == seen and not moves:
            continue
        for move in moves:
            if move.to_id == place and judged_at and move.sent_at <= judged_at:
                continue  # the look before has shown it already
            if move.from_id != place:
                result.findings.append(Finding(client_id, place, move.from_id))
            result.findings.append(Finding(client_id, move.from_id, move.to_id, move))
            place = move.to_id
        is_late = (client_id, seen) in left or any(
            move.from_id == seen and move.settled_at > not_after for move in moves
        )
        if seen is not None and seen != place and not is_late and client_id not in own.open_clients:
            if confirmed is None:
                result.doubtful[client_id] = seen
            elif confirmed.get(client_id) != seen:
                pass
            elif client_id not in look.groups and client_id not in missing:
                result.missing.append(client_id)
            else:
                result.findings.append(Finding(client_id, place, seen, own.unseen.get((client_id, seen))))
                place = seen
        result.groups[client_id] = place
    result.groups = {client_id: place for client_id, place in result.groups.items() if place != GONE}
    return result


def first_roll(looks: Collection[Look], own: OwnChanges) -> dict[int, int]:
    """Return the first roll: each client whom a look has shown, where the last look or a move made here says.

    A client whom one list lacked would otherwise look new later.
    """
    groups: dict[int, int] = {}
    for look in looks:
        groups |= look.groups
    groups |= {client_id: moves[-1].to_id for client_id, moves in own.moves.items()}
    return {client_id: place for client_id, place in groups.items() if place != GONE}
