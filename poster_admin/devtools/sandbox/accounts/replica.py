"""A lagging replica: it answers reads from a copy of the account that lacks the last writes.

Every account keeps its last writes, each with the rows that it replaced. For a read that lags, some of them
are undone in a copy of the account, and rows of that copy are answered. Writes always meet the true state.
"""

import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from poster_admin.devtools.sandbox.accounts import validation
from poster_admin.devtools.sandbox.accounts.clients import Block, Change
from poster_admin.devtools.sandbox.http.exchange import SandboxRequest, dump

type Table = Literal["groups", "clients"]
type What = Literal["rows", "members", "new", "count", "zero", "absent", "repeated", "skipped"]
# The rows are read from the earlier state of the account.
_EARLIER: frozenset[What] = frozenset(("rows", "members", "new", "count"))
type Row = dict[str, Any]
type Ask = Callable[[SandboxRequest], bytes]

KEPT = 20_000
_ID, _CLIENT, _COUNT = "client_groups_id", "client_id", "count_groups_clients"


@dataclass(frozen=True, slots=True)
class Write:
    """A write that is in force: its time, and the earlier values of the rows that it replaced.

    `tables` are the tables in which the write changed values. A changed count of clients in a group does not
    make it a write to `groups`.
    """

    at: float
    tables: frozenset[Table]
    groups: Mapping[int, Mapping[str, str] | None]
    clients: Mapping[int, Change | Literal["born"]]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """A way in which reads lag behind the writes.

    A read does not see the writes that are younger than `seconds`, at most the last `writes` of them; without
    either it misses the last write. `what` says how that shows: all `rows` are the earlier ones, only the
    `new` rows are missing, or only the `count` of clients is the earlier one. Four lags need no write: the
    count is `zero`, a row is `absent`, or a page of clients has one `repeated` or `skipped`.

    `ids` and `share` choose rows, the same ones each time. Without either all rows lag, and `absent` hides
    the row that was requested, or the newest of a list. `chance` is the probability that a read lags; the
    draws follow from `seed`, so below 1 the reads jump between old and new in the same order each time.
    """

    what: What
    writes: int | None = None
    seconds: float | None = None
    ids: Sequence[int] | None = None
    share: float = 1.0
    chance: float = 1.0
    seed: int = 1

    def hits(self, number: int) -> bool:
        """Return True if the read of this number lags."""
        return self._draw("read", number) < self.chance

    def unseen(self, past: Sequence[Write], table: Table, now: float) -> list[Write]:
        """Return the writes that a read of this table does not see, newest first."""
        if self.what == "count":
            # Look at the writes to clients: they are the ones that change a count.
            table = "clients"
        limit = 1 if self.writes is None and self.seconds is None else self.writes
        young = list(
            itertools.takewhile(
                lambda write: self.seconds is None or write.at > now - self.seconds, reversed(past)
            )
        )
        if limit is None:
            return young
        own = [place for place, write in enumerate(young) if table in write.tables][:limit]
        return young[: own[-1] + 1] if own else []

    def read(self, ask_now: Ask, ask_then: Ask, request: SandboxRequest, table: Table) -> bytes:
        """Return the answer from a replica with this lag, made of the one of now and of the earlier one."""
        query = dict(request.query)
        if self.what == "members" and not query.get("group_id"):
            return ask_now(request)
        num, offset = validation.whole(query, "num"), validation.whole(query, "offset") or 0
        whole = replace(request, query={**query, "num": "", "offset": ""})
        now = json.loads(ask_now(whole))
        then = now
        if self.what in _EARLIER:
            then = json.loads(ask_then(whole))
        rows = self._mixed(_rows(now), _rows(then))
        if not (isinstance(now, list) and isinstance(then, list)):
            return dump(rows[0] if rows else False)
        if table == "clients" and self.what in {"rows", "members"} and (order := validation.order(query)):
            rows = order(rows)
        start = 0 if num is None else offset
        if self.what == "repeated":
            rows[start:start] = rows[max(start - 1, 0) :][:1]
        elif self.what == "skipped":
            del rows[start : start + 1]
        return dump(rows if num is None else rows[offset : offset + num])

    def _mixed(self, now: list[Row], then: list[Row]) -> list[Row]:
        """Return the rows of the answer: for each the current or the earlier one, as `what` says."""
        before = {_id(row): row for row in then}
        match self.what:
            case "rows" | "members":
                mixed = [row for row in now if not self._concerns(row)]
                return sorted([*mixed, *filter(self._concerns, then)], key=_id)
            case "new":
                return [row for row in now if _id(row) in before or not self._concerns(row)]
            case "count":
                return [self._counted(row, before.get(_id(row), row).get(_COUNT)) for row in now]
            case "zero":
                return [self._counted(row, "0") for row in now]
            case "absent" if self.ids is None and self.share >= 1:
                newest = max(before, default=0)
                return [row for row in now if _id(row) != newest]
            case "absent":
                return [row for row in now if not self._concerns(row)]
        return now

    def _counted(self, row: Row, count: str | None) -> Row:
        return row | {_COUNT: count} if _COUNT in row and count and self._concerns(row) else row

    def _concerns(self, row: Row) -> bool:
        chosen = self.ids is None or _id(row) in self.ids
        return chosen and self._draw("row", _id(row)) < self.share

    def _draw(self, what: str, number: int) -> float:
        return random.Random(f"{what} {self.seed} {number}").random()


def groups_before(rows: Mapping[int, Mapping[str, str]], unseen: Sequence[Write]) -> list[Mapping[str, str]]:
    """Return the rows of groups with these writes undone; they come newest first."""
    earlier: dict[int, Mapping[str, str] | None] = dict(rows)
    for write in unseen:
        earlier.update(write.groups)
    return [row for _, row in sorted(earlier.items()) if row is not None]


def clients_before(
    changes: Mapping[int, Change], blocks: Sequence[Block], unseen: Sequence[Write]
) -> tuple[dict[int, Change], Sequence[Block]]:
    """Return the changes and the blocks of clients with these writes undone; they come newest first."""
    earlier: dict[int, Change | Literal["born"]] = dict(changes)
    for write in unseen:
        earlier.update(write.clients)
        blocks = write.blocks
    return {number: change for number, change in earlier.items() if not isinstance(change, str)}, blocks


def _rows(response: Any) -> list[Row]:
    if isinstance(response, list):
        return response
    return [response] if response else []


def _id(row: Row) -> int:
    return int(row[_CLIENT] if _CLIENT in row else row[_ID])
