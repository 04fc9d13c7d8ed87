"""Say to which group each client belongs by the criteria of an account: pure functions of what was read.

A condition holds, does not hold, or is not proven: a list that was short, or a value that cannot be read,
proves nothing. A client has a place in the table only where everything that decides it is proven.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final, Literal, Self

import msgspec

from groups.features.insights.services.sales import Period

UNREAD: Final = "unread"
"""A value of a client that is there and cannot be read."""

type Born = tuple[int, int] | Literal["unread"] | None
"""The month and day of a birthday."""
type Registered = date | Literal["unread"] | None
type Bought = tuple[int, int]
"""Kopecks that a client has paid in some days, and receipts."""
type BoughtIn = Mapping[int, Bought | None]
"""Amounts and receipts of a client, by the number of days up to today; None where they are not proven."""
type Span = tuple[int, int]
"""Days ago, from the first number to before the second."""


class Criterion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: all its conditions must hold for a client to belong to its group.

    `bought_…` are kopecks and `receipts_…` a number in the last `days` days, today included. `registered_…`
    are days ago, and `birthday_in` days before or after a birthday. All bounds are inclusive.
    """

    group_id: int
    days: int | None = None
    bought_min: int | None = None
    bought_max: int | None = None
    receipts_min: int | None = None
    receipts_max: int | None = None
    registered_min: int | None = None
    registered_max: int | None = None
    birthday_in: int | None = None

    @property
    def needs_sales(self) -> bool:
        bounds = (self.bought_min, self.bought_max, self.receipts_min, self.receipts_max)
        return any(bound is not None for bound in bounds)

    @property
    def needs_registration(self) -> bool:
        return self.registered_min is not None or self.registered_max is not None


class Table(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The rows in the order of judging, the group of all others, and the most clients that a run moves."""

    rows: tuple[Criterion, ...]
    otherwise: int
    max_moves: int

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return msgspec.convert(data, cls)

    @property
    def fingerprint(self) -> str:
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).hexdigest()

    @cached_property
    def groups(self) -> tuple[int, ...]:
        return (*(row.group_id for row in self.rows), self.otherwise)

    @cached_property
    def places(self) -> dict[int, int]:
        return {group_id: place for place, group_id in enumerate(self.groups)}

    @property
    def periods(self) -> tuple[int, ...]:
        return tuple(sorted({row.days for row in self.rows if row.days is not None and row.needs_sales}))


class Judge:
    def __init__(self, table: Table, today: date) -> None:
        self._today = today.toordinal()
        self._rows: list[tuple[Criterion, set[tuple[int, int]] | None]] = []
        for row in table.rows:
            away = timedelta(days=row.birthday_in or 0)
            around = Period(today - away, today + away).birthdays
            self._rows.append((row, None if row.birthday_in is None else around))

    def place_of(self, born: Born, registered: Registered, bought: BoughtIn) -> int | None:
        """Return the place in the table to which a client belongs; None if that is not proven.

        It is the first row whose conditions all hold, else the place behind all rows. A row that is not
        proven before it leaves the place unproven too.
        """
        for place, (row, birthdays) in enumerate(self._rows):
            conditions: list[bool | None] = []
            if birthdays is not None:
                conditions.append(None if born == UNREAD else born in birthdays)
            if row.needs_registration and isinstance(registered, date):
                days = self._today - registered.toordinal()
                conditions.append(_within(days, row.registered_min, row.registered_max))
            elif row.needs_registration:
                conditions.append(None if registered == UNREAD else False)
            if row.days is not None and row.needs_sales:
                if (sums := bought[row.days]) is None:
                    conditions.append(None)
                else:
                    conditions.append(_within(sums[0], row.bought_min, row.bought_max))
                    conditions.append(_within(sums[1], row.receipts_min, row.receipts_max))
            if False not in conditions:
                return None if None in conditions else place
        return len(self._rows)


def _within(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


# --- Sales -------------------------------------------------------------------------------------------------

LONGEST_CALL = 31
"""Days of one call for sales at most."""


def spans_of(periods: Sequence[int]) -> list[Span]:
    """Return the calls for sales that periods need.

    No call is longer than LONGEST_CALL, and none is across the end of a period. The latest comes first.
    """
    spans: list[Span] = []
    start = 0
    for period in sorted(set(periods)):
        while start < period:
            end = min(period, start + LONGEST_CALL)
            spans.append((start, end))
            start = end
    return spans


class SalesBook:
    """Holds the sales to each client in each period, and where they are not proven; no names."""

    def __init__(self, periods: Sequence[int]) -> None:
        self.periods = tuple(sorted(set(periods)))
        self._sums: list[dict[int, Bought]] = [{} for _ in self.periods]
        # The clients of each list that may lack rows.
        self._listed: list[list[frozenset[int]]] = [[] for _ in self.periods]
        # Clients with an unreadable row: they stay where they are.
        self.broken: set[int] = set()

    def add(
        self, span: Span, sales: Mapping[int, Bought], *, broken: Collection[int], is_whole: bool
    ) -> None:
        """Add the list of a span; `broken` are clients whose row in it cannot be read.

        A list that is not whole may lack the row of anybody: it was cut, a row named nobody, or it failed.
        """
        step = next(step for step, period in enumerate(self.periods) if span[1] <= period)
        sums = self._sums[step]
        for client_id, (kopecks, receipts) in sales.items():
            before = sums.get(client_id, (0, 0))
            sums[client_id] = before[0] + kopecks, before[1] + receipts
        self.broken.update(broken)
        if not is_whole:
            self._listed[step].append(frozenset(sales))

    def bought(self, client_id: int) -> BoughtIn:
        kopecks, receipts, proven, found = 0, 0, True, {}
        for step, period in enumerate(self.periods):
            more = self._sums[step].get(client_id, (0, 0))
            kopecks, receipts = kopecks + more[0], receipts + more[1]
            proven = proven and all(client_id in listed for listed in self._listed[step])
            found[period] = (kopecks, receipts) if proven else None
        return found
