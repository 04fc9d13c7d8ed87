"""Ask a Poster what it does: reads alone, at most CALLS of them and SECONDS long.

Rows are judged as they come and then dropped: nothing of anybody is kept. What could not be read is unknown.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import timezone

from groups.features.connection.services import judging
from groups.features.connection.services.judging import Rows, ids_of, number, readable
from groups.models import PosterCredentials
from groups.poster import ErrorReason, LoyaltyType, NotAllowed, PosterError, TokenRejected, Unreachable
from groups.poster.fields import UnreadableRow, read_decimal
from groups.poster.parsing import RawRows
from groups.poster.transport import Answer, TransportFailure
from groups.services.facts import READ, Seen
from groups.services.gateway import call_poster

CALLS, SECONDS = 60, 60.0
LONGEST_CALL = 12.0
SLOW, PAUSE = 1.0, 0.2
FAILURES = 3
"""Calls without any answer, one after the other, after which nothing more is read."""
NUM, LONG, SMALL_GROUPS = 5, 2_000, 5
GROUPS, CLIENTS, RECEIPTS = "clients.getGroups", "clients.getClients", "dash.getTransactions"
STEPS = 25
"""How many calls a check makes of a Poster that answers all of them, for its progress."""


@dataclass
class CheckReadings:
    """The facts that one run has seen, and its calls: methods, times and fields, and no value of anybody."""

    facts: dict[str, Seen] = field(default_factory=lambda: dict.fromkeys(READ, Seen()))
    calls: list[dict[str, Any]] = field(default_factory=list)
    skews: list[float] = field(default_factory=list)
    is_refused: bool = False

    @property
    def is_answered(self) -> bool:
        """Return True if Poster has answered a question, be it by refusing a right."""
        return any(seen.evidence for name, seen in self.facts.items() if name.startswith("right."))


class Asker:
    """The calls of one run. `progress` is called before each of them, and may end the run by an error."""

    def __init__(self, credentials: PosterCredentials, progress: Callable[[int], object]) -> None:
        self.result = CheckReadings()
        self._credentials = credentials
        self._progress = progress
        self._until = time.monotonic() + SECONDS
        self._failures = 0

    def read(self, method: str, *, right: str = "", **params: object) -> Any:
        """Return the response as it came, or None. `right` is the fact that this call shows."""
        calls, left = self.result.calls, self._until - time.monotonic()
        if len(calls) >= CALLS or left < SLOW or self._failures >= FAILURES or self.result.is_refused:
            return None
        self._progress(len(calls))
        answers: list[Answer | TransportFailure] = []
        texts = {name: str(value) for name, value in params.items()}
        began, response, error = time.monotonic(), None, None
        try:
            response = call_poster(
                self._credentials,
                lambda poster: poster.read(
                    method, texts, within=min(left, LONGEST_CALL), keep=answers.append
                ),
                of_statistics=True,  # a slow check does not open the circuit for people
            )
        except PosterError as found:
            error = found
        seconds = time.monotonic() - began
        self._failures = self._failures + 1 if isinstance(error, Unreachable) else 0
        answer = answers[0] if answers and isinstance(answers[0], Answer) else None
        calls.append(
            {
                "method": method,
                "ms": round(seconds * 1000),
                "bytes": len(answer.body) if answer else 0,
                "status": answer.status if answer else (error.reason if error else ErrorReason.SHAPE),
                "fields": _fields(response),
            }
        )
        if answer and answer.date:
            with suppress(ValueError, TypeError):
                there = parsedate_to_datetime(answer.date).timestamp()
                # `Date` has whole seconds, so on average it is half a second late.
                self.result.skews.append(there + 0.5 - (time.time() - seconds / 2))
        if right and isinstance(response, (RawRows, Mapping)):
            self.result.facts[right] = Seen("yes", 1)
        elif right and isinstance(error, NotAllowed):
            self.result.facts[right] = Seen("refused", 1)
        self.result.is_refused |= isinstance(error, TokenRejected)
        if seconds > SLOW:
            time.sleep(PAUSE)
        return response

    def rows(self, method: str, **params: Any) -> Sequence[Any]:
        """Return the rows of a response; none where there is no list, or one that cannot be read."""
        return self.rows_or_none(method, **params) or ()

    def rows_or_none(self, method: str, **params: Any) -> Sequence[Any] | None:
        found = self.read(method, **params)
        return found if isinstance(found, RawRows) else None


def ask(
    credentials: PosterCredentials, progress: Callable[[int], object] = lambda _calls: None
) -> CheckReadings:
    """Ask everything. What breaks a judgement, as a row that is no JSON, leaves its facts unknown."""
    asker = Asker(credentials, progress)
    facts = asker.result.facts
    today = timezone.localdate()

    settings = asker.read("settings.getAllSettings", right="right.settings")
    settings = settings if isinstance(settings, Mapping) else {}
    site = timezone.get_default_timezone()
    facts["clock.zone"] = judging.zone(settings.get("timezones"), site, timezone.now())

    groups = list(readable(_parsed(asker.rows(GROUPS, right="right.groups"))))
    facts["groups.removed"] = judging.removed_groups(groups)
    people = _ask_clients(asker, groups)
    asker.read("clients.getPromotions", right="right.promotions")
    rules = _parsed(asker.rows("clients.getLoyaltyRules"))
    receipts = _ask_receipts(asker, today, settings.get("analytics_plus_time"), people, _bonus_groups(groups))
    _ask_sales(asker, today, receipts, people)

    per_hryvnia = 1 if facts["clients.paid_unit"].value == "hryvnia" else 100
    if facts["clients.paid_unit"].evidence:
        facts["rules.unit"] = judging.rules_unit(rules, people.rows, per_hryvnia=per_hryvnia)
    if asker.result.is_answered:
        facts["speed"] = judging.middle([call["ms"] for call in asker.result.calls if call["status"] == 200])
        facts["clock.skew"] = judging.middle(asker.result.skews)
    return asker.result


@dataclass
class People:
    """Sums of the first clients to compare with: group, sum paid, and if they are removed."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, rows: Rows) -> None:
        names = ("client_id", "client_groups_id", "total_payed_sum", "delete")
        self.rows = [{name: row.get(name) for name in names} for row in readable(rows)]

    def percents(self, of_group: Mapping[int, Decimal]) -> dict[int, Decimal]:
        """Return the percent of each client in a bonus group."""
        homes = {number(row, "client_id") or 0: number(row, "client_groups_id") or 0 for row in self.rows}
        return {client: of_group[home] for client, home in homes.items() if home in of_group}

    def totals(self) -> dict[int, int]:
        return {number(row, "client_id") or 0: number(row, "total_payed_sum") or 0 for row in self.rows}


def _bonus_groups(groups: Rows) -> dict[int, Decimal]:
    found = {}
    for row in readable(groups):
        with suppress(UnreadableRow):
            if number(row, "loyalty_type") == LoyaltyType.BONUS:
                percent = read_decimal(row, "client_groups_discount", maximum=Decimal(100))
                found[number(row, "client_groups_id") or 0] = percent
    return found


def _ask_clients(asker: Asker, groups: Rows) -> People:
    facts, people = asker.result.facts, People()
    present = [row for row in readable(groups) if number(row, "delete") in (None, 0)]
    counters = {
        number(row, "client_groups_id") or 0: number(row, "count_groups_clients") or 0 for row in present
    }
    total = sum(counters.values())

    def page(num: int, offset: int, **more: object) -> Sequence[Any] | None:
        by = {"order_by": "client_id", "sort": "asc"}
        return asker.rows_or_none(CLIENTS, num=num, offset=offset, **by, **more)

    first = page(NUM, 0, right="right.clients") or ()
    if not first:
        return people
    is_page = len(first) <= NUM
    again, second = (page(NUM, 0) or (), page(NUM, NUM - 1) or ()) if is_page else ((), ())
    long = page(LONG, 0) if is_page else first
    people.keep(_parsed((long or first)[:LONG]))

    # Groups with a removed client show what a counter counts; the smallest of them come first.
    removed = {number(row, "client_groups_id") for row in people.rows if judging.is_removed(row)}
    small = sorted(
        (each for each in counters if 0 < counters[each] < LONG),
        key=lambda each: (each not in removed, counters[each], each),
    )[:SMALL_GROUPS]
    members: dict[int, Sequence[Any]] = {}
    for group_id in small:
        found = page(LONG, 0, group_id=group_id)
        if found is None:
            continue
        names = ("client_id", "client_groups_id", "delete")
        rows = [{name: row.get(name) for name in names} for row in readable(_parsed(found))]
        members[group_id] = rows
        facts["clients.filter"] = judging.filtered(members)
        if facts["clients.filter"].value == "ignored":
            members = dict.fromkeys(small, rows)  # everybody, whichever group is requested
            break
    if long is not None and len(long) < LONG and (missing := judging.missing(people.rows, members.values())):
        facts["clients.pages"] = Seen("cut", missing)  # and so the counters cannot be compared with any list
        return people
    # As many rows as were requested may not be all of them.
    complete = {each: rows for each, rows in members.items() if len(rows) != LONG}
    facts["groups.count"] = judging.counts(complete, counters)

    expected = None if facts["groups.count"].value == "other" else total
    few = [list(_parsed(rows[:NUM])) for rows in (first, again, second)]
    seen = judging.pages(*few, num=NUM, size=len(first), expected=expected)
    if seen.value == "hold":
        last = page(NUM, max(total - 1, 0)) if expected else None
        seen = judging.whole(seen, long if expected else None, last, num=LONG, total=total)
    facts["clients.pages"] = seen
    return people


@dataclass
class Buyers:
    """The receipts of one day as a page of them says: who bought for how much, and who bought in 30 days."""

    day: date
    paid: dict[int, int] = field(default_factory=dict)
    buyers: set[int] = field(default_factory=set)


def _ask_receipts(
    asker: Asker, today: date, end_of_day: object, people: People, of_group: Mapping[int, Decimal]
) -> Buyers:
    facts = asker.result.facts

    def answer(first: int, last: int, **more: object) -> list[Any] | None:
        """Read the closed receipts of some days, both so many days ago."""
        period = {"dateFrom": f"{_ago(today, first):%Y%m%d}", "dateTo": f"{_ago(today, last):%Y%m%d}"}
        found = asker.rows_or_none(RECEIPTS, status=2, **period, **more)
        return None if found is None else list(readable(_parsed(found)))

    def page(first: int, last: int, **more: object) -> list[Any]:
        return answer(first, last, **more) or []

    day, site = 2, timezone.get_default_timezone()
    found = Buyers(_ago(today, day))
    week = page(7, 1, right="right.statistics")
    if facts["right.statistics"].value != "yes":
        return found
    month, before = page(30, 1), page(30, 24)
    facts["receipts.order"] = judging.order(month or week)
    facts["receipts.page"] = judging.page_size(month, (week, before))

    ids = ids_of(week, "transaction_id")
    if len(ids) >= judging.FEW:
        answers = {after: page(7, 1, next_tr=after) for after in (ids[0], ids[len(ids) // 2], ids[-1])}
        facts["receipts.cursor"] = judging.cursor(week, answers)
    of_day = page(day, day, include_history="true")
    # A cursor among the receipts of other days: all that lies behind it is of them.
    behind, asked_day = None, day
    match facts["receipts.cursor"].value:
        case "after" if latest := ids_of(page(1, 0), "transaction_id"):
            asked_day = day + 3
            behind = answer(asked_day, asked_day, next_tr=min(latest) - 1)
        case "before" if earliest := ids_of(before, "transaction_id"):
            behind = answer(asked_day, asked_day, next_tr=max(earliest) + 1)
    if behind is not None:
        facts["receipts.days"] = judging.days_hold(behind, _ago(today, asked_day), site)
    facts["receipts.closing"] = judging.closing(end_of_day, of_day, found.day, site)
    facts["receipts.paid"] = judging.paid([*week, *month, *before, *of_day])
    facts["receipts.bonus"] = judging.bonus([*week, *of_day], people.percents(of_group), of_group.values())
    facts["receipts.history"] = judging.history(of_day)
    found.paid = judging.paid_by_client(of_day)
    found.buyers = set(ids_of([*week, *month, *before, *of_day], "client_id"))
    return found


def _ask_sales(asker: Asker, today: date, receipts: Buyers, people: People) -> None:
    facts = asker.result.facts
    if facts["right.statistics"].value != "yes":
        return

    def sales(first: date, last: date, wanted: set[int]) -> tuple[int, dict[int, Decimal]]:
        rows = asker.rows("dash.getClientsSales", dateFrom=f"{first:%Y%m%d}", dateTo=f"{last:%Y%m%d}")
        revenue = {}
        for row in readable(_parsed(rows)):
            client = number(row, "client_id")
            with suppress(UnreadableRow):
                if client in wanted:
                    revenue[client] = read_decimal(row, "revenue", maximum=Decimal(10**12))
        return len(rows), revenue

    totals = people.totals()
    size, month = sales(_ago(today, 31), today, receipts.buyers | totals.keys())
    if not size:
        return
    facts["sales.size"] = judging.sales_size(size, receipts.buyers, month.keys() & receipts.buyers)
    _size, of_day = sales(receipts.day, receipts.day, set(receipts.paid))
    facts["sales.paid_unit"] = judging.sales_unit(of_day, receipts.paid)
    if facts["sales.paid_unit"].evidence:
        times = 100 if facts["sales.paid_unit"].value == "hryvnia" else 1
        facts["clients.paid_unit"] = judging.clients_unit(
            totals, {each: revenue * times for each, revenue in month.items()}
        )


def _parsed(rows: Sequence[Any]) -> Iterator[Any]:
    """Yield the rows one after the other, without those that are no JSON."""
    for place in range(len(rows)):
        with suppress(ValueError, RecursionError):
            yield rows[place]


def _ago(today: date, days: int) -> date:
    return today - timedelta(days=days)


def _fields(response: Any) -> dict[str, str]:
    """Return names and types of the fields of the first row, or of the object."""
    row = response
    if isinstance(response, RawRows):
        row = next(iter(_parsed(response[:1])), None)
    names = {type(None): "null", dict: "object"}
    return (
        {name[:40]: names.get(type(value), type(value).__name__) for name, value in list(row.items())[:60]}
        if isinstance(row, Mapping)
        else {}
    )
