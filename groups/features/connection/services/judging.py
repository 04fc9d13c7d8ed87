"""Judge what answers of Poster prove. Each function takes rows as they came, and returns what was `Seen`.

What proves nothing, or is contradicted by the same answers, is unknown. Rows that cannot be read count for
nothing. Money is in the unit of the wire.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from groups.poster.fields import UnreadableRow, read_decimal, read_integer
from groups.services.facts import Seen

type Row = Mapping[str, Any]
type Rows = Iterable[Any]

FEW = 5
"""Rows from which on an order, or a comparison of sums, is no chance."""
MOST = 0.8
"""The share of comparisons that have to agree: people and times differ, units do not."""
CUT = 1_000
"""The number of rows at which a list of sales is known to end."""
PARTS = ("payed_cash", "payed_card", "payed_cert", "payed_third_party")


def number(row: Row, field: str) -> int | None:
    with suppress(UnreadableRow):
        return read_integer(row, field)
    return None


def readable(rows: Rows) -> Iterable[Row]:
    return (row for row in rows if isinstance(row, Mapping))


def ids_of(rows: Rows, field: str) -> list[int]:
    return [found for row in readable(rows) if (found := number(row, field))]


def _one(votes: Counter[str]) -> Seen:
    """Return what all votes say."""
    return Seen(*next(iter(votes.items()))) if len(votes) == 1 else Seen()


def _most(votes: Counter[str]) -> Seen:
    value, count = next(iter(votes.most_common(1)), ("", 0))
    return Seen(value, votes.total()) if count >= max(FEW, MOST * votes.total()) else Seen()


# --- Groups and guests -------------------------------------------------------------------------------------


def removed_groups(groups: Rows) -> Seen:
    """A list with a removed group shows that they are listed; a gap in the numbers, that one is not."""
    rows = list(readable(groups))
    if removed := sum(number(row, "delete") not in (None, 0) for row in rows):
        return Seen("listed", removed)
    ids = ids_of(rows, "client_groups_id")
    return Seen("absent", len(ids)) if ids and max(ids) > len(set(ids)) else Seen()


def is_removed(client: Row) -> bool:
    return number(client, "delete") not in (None, 0)


def counts(members: Mapping[int, Rows], counters: Mapping[int, int]) -> Seen:
    """Compare counters with whole lists of members; where nobody was removed, both readings are the same."""
    votes: Counter[str] = Counter()
    for group_id, rows in members.items():
        own = [row for row in readable(rows) if number(row, "client_groups_id") == group_id]
        present = sum(not is_removed(row) for row in own)
        counted = counters[group_id]
        if counted == present == len(own):
            continue
        value = "present" if counted == present else "all" if counted == len(own) else "other"
        votes[value] += max(len(own), 1)
    # One list that differs may have changed between two calls.
    if "other" in votes and len(members) < 2:
        return Seen()
    return _one(votes)


def filtered(members: Mapping[int, Rows]) -> Seen:
    """A row of another group shows that `group_id` is ignored."""
    fits = [
        number(row, "client_groups_id") == group_id
        for group_id, rows in members.items()
        for row in readable(rows)
        if not is_removed(row)
    ]
    return Seen("holds" if all(fits) else "ignored", len(fits)) if fits else Seen()


def pages(first: Rows, again: Rows, second: Rows, *, num: int, size: int, expected: int | None) -> Seen:
    """Compare a page with the same one, and with the next one, which begins with its last client.

    `size` is that of the first one, which may be the whole list, and `expected` the least number of clients.
    """
    if size > num:
        return Seen("cut" if expected is not None and size < expected else "ignored", size)
    one, two, three = (ids_of(rows, "client_id") for rows in (first, again, second))
    if one != two or len(one) < num or not three:
        return Seen()  # it has changed between two calls, or is all there is
    if three == one:
        return Seen("ignored", len(one) + len(three))
    return Seen("hold", len(one) + len(three)) if three[0] == one[-1] and len(three) > 1 else Seen()


def whole(
    seen: Seen, page: Sequence[Any] | None, last: Sequence[Any] | None, *, num: int, total: int
) -> Seen:
    """Return "cut" if a long page, or one that begins shortly before the end, lacks clients that are counted.

    `total` are those of all counters, a lower bound: removed clients, and those in no group, come on top.
    """
    if seen.value != "hold":
        return seen
    for rows, least in ((page, min(num, total)), (last, 1)):
        if rows is not None and len(rows) < least:
            return Seen("cut", len(rows))
    return seen if page is not None and last is not None else Seen()


def missing(everybody: Rows, members: Iterable[Rows]) -> int:
    """Return how many clients of groups the list of all lacks; a few may have come between two calls."""
    known = set(ids_of(everybody, "client_id"))
    lacking = {each for rows in members for each in ids_of(rows, "client_id")} - known
    return len(lacking) if len(lacking) >= FEW else 0


def zone(stated: object, site: tzinfo, now: datetime) -> Seen:
    try:
        there = ZoneInfo(str(stated))
    except (KeyError, ValueError, OSError):
        return Seen()
    times = (now, now + timedelta(days=182))
    same = all(each.astimezone(there).utcoffset() == each.astimezone(site).utcoffset() for each in times)
    return Seen("same" if same else "other", 1)


# --- Receipts ----------------------------------------------------------------------------------------------


def order(rows: Rows) -> Seen:
    ids = ids_of(rows, "transaction_id")
    if len(set(ids)) < FEW:
        return Seen()
    rising = ids == sorted(ids)
    falling = ids == sorted(ids, reverse=True)
    return Seen("ascending" if rising else "descending" if falling else "mixed", len(ids))


def page_size(page: Rows, others: Iterable[Rows]) -> Seen:
    """The rows of a period are more than its page has, if parts of the period show others."""
    ids = set(ids_of(page, "transaction_id"))
    more = ids.union(*(ids_of(rows, "transaction_id") for rows in others))
    return Seen(str(len(ids)), len(more)) if ids and len(more) > len(ids) else Seen()


def cursor(page: Rows, answers: Mapping[int, Rows]) -> Seen:
    """Judge the answers to a cursor by their ids; `page` is the one without a cursor."""
    votes: Counter[str] = Counter()
    without = ids_of(page, "transaction_id")
    for after, rows in answers.items():
        ids = ids_of(rows, "transaction_id")
        if not ids:
            continue
        if all(each > after for each in ids):
            value = "after"
        elif all(each < after for each in ids):
            value = "before"
        elif ids == without:
            value = "ignored"
        else:
            return Seen()
        votes[value] += len(ids)
    return _one(votes)


def closed_at(row: Row) -> datetime | None:
    milliseconds = number(row, "date_close")
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(milliseconds // 1000, UTC) if milliseconds else None
    return None


def days_hold(rows: Rows, day: date, site: tzinfo) -> Seen:
    """Judge an answer to a cursor behind which other days are known to have receipts.

    A business day may begin and end hours from midnight, so a day around counts as the same.
    """
    answered = list(readable(rows))
    days = [at.astimezone(site).date() for row in answered if (at := closed_at(row))]
    if all(abs(each - day) <= timedelta(days=1) for each in days):
        return Seen("hold", max(len(days), 1)) if len(days) == len(answered) else Seen()
    return Seen("lost", len(days))


def closing(stated: object, rows: Rows, day: date, site: tzinfo) -> Seen:
    """Return the end of the business day, unless receipts of a day were closed outside of it."""
    end = _time_of(stated)
    if end is None:
        return Seen()
    begins = datetime.combine(day, end, site)
    times = [at for row in readable(rows) if (at := closed_at(row))]
    if any(not begins <= at < begins + timedelta(days=1, hours=1) for at in times):
        return Seen()
    return Seen(f"{end:%H:%M}", len(times) + 1)


def _time_of(stated: object) -> time | None:
    """Read "04:00", "4", or seconds since midnight: the form is documented nowhere."""
    with suppress(ValueError):
        text = str(stated)
        if text.isdecimal():
            count = int(text)
            if 24 <= count < 3600:
                return None
            return time(count) if count < 24 else time(count // 3600, count % 3600 // 60)
        return time.fromisoformat(text)
    return None


def paid(rows: Rows) -> Seen:
    votes: Counter[str] = Counter()
    for row in readable(rows):
        bonuses, paid = number(row, "payed_bonus"), number(row, "payed_sum")
        parts = [number(row, part) or 0 for part in PARTS]
        if bonuses and paid is not None:
            money = {sum(parts), sum(parts[:2])}
            with_bonuses = {each + bonuses for each in money}
            votes["parts" if paid in money else "with-bonuses" if paid in with_bonuses else "else"] += 1
    return Seen() if "else" in votes else _one(votes)


def bonus(rows: Rows, percents: Mapping[int, Decimal], of_groups: Collection[Decimal]) -> Seen:
    """Compare `bonus` with the percent of the client's group, and with the sum that this percent grants.

    A client whose group is not known may be in any group: with one of the percents `of_groups`.
    """
    votes: Counter[str] = Counter()
    for row in readable(rows):
        client = number(row, "client_id") or 0
        possible = {percents[client]} if client in percents else set(of_groups) if client else set()
        paid_in_all = sum(number(row, part) or 0 for part in PARTS[:2])
        with suppress(UnreadableRow):
            bonus = read_decimal(row, "bonus", maximum=Decimal(10**9))
            is_percent = bonus in possible
            is_money = any(abs(bonus - each * paid_in_all / 100) <= 1 for each in possible if each)
            if bonus and possible and not (is_percent and is_money):
                votes["percent" if is_percent else "money" if is_money else "else"] += 1
    seen = _most(votes)
    return Seen() if seen.value == "else" else seen


def history(rows: Rows) -> Seen:
    """Return the kinds of events before the closing."""
    kinds, count = set(), 0
    for row in readable(rows):
        events = row.get("history")
        events = list(readable(events if isinstance(events, list) else ()))
        closes = [number(event, "time") or 0 for event in events if event.get("type_history") == "close"]
        for event in events:
            kind = event.get("type_history")
            is_word = isinstance(kind, str) and kind.isascii() and kind.isalnum() and len(kind) < 30
            if is_word and (number(event, "time") or 0) < max(closes, default=0):
                kinds.add(kind)
                count += 1
    return Seen(",".join(sorted(kinds))[:200], count) if kinds else Seen()


# --- Sums --------------------------------------------------------------------------------------------------


def sales_size(size: int, buyers: set[int], found: set[int]) -> Seen:
    """`buyers` are clients with receipts in the days of the sales, `found` those of them with sales."""
    if size == CUT or buyers - found:
        return Seen("cut", size)
    return Seen("whole", len(buyers)) if len(buyers) >= FEW else Seen()


def paid_by_client(rows: Rows) -> dict[int, int]:
    sums: defaultdict[int, int] = defaultdict(int)
    for row in readable(rows):
        if client := number(row, "client_id"):
            sums[client] += sum(number(row, part) or 0 for part in PARTS)
    return dict(sums)


def sales_unit(revenue: Mapping[int, Decimal], receipts: Mapping[int, int]) -> Seen:
    """Compare the revenue of clients with their receipts. Some may be missing, but units differ by 100."""
    ratios = [float(revenue[each] / receipts[each]) for each in revenue if receipts.get(each)]
    return _unit(ratios, lambda ratio: 0.2 < ratio < 20, lambda ratio: 0.002 < ratio < 0.2)


def clients_unit(totals: Mapping[int, int], revenue: Mapping[int, Decimal]) -> Seen:
    """Compare what clients have paid in all with what they paid in a month, in kopecks: it is no less."""
    ratios = [totals[each] / float(month) for each, month in revenue.items() if month and totals.get(each)]
    return _unit(ratios, lambda ratio: ratio >= 0.9, lambda ratio: ratio < 0.9)


def _unit(
    ratios: list[float], is_kopecks: Callable[[float], bool], is_hryvnia: Callable[[float], bool]
) -> Seen:
    if len(ratios) < FEW:
        return Seen()
    shares = Counter(
        "kopecks" if is_kopecks(ratio) else "hryvnia" if is_hryvnia(ratio) else "else" for ratio in ratios
    )
    value, count = shares.most_common(1)[0]
    return Seen(value, len(ratios)) if value != "else" and count >= 0.6 * len(ratios) else Seen()


def rules_unit(rules: Rows, clients: Rows, *, per_hryvnia: int) -> Seen:
    """Compare the threshold of a rule with what the clients of its group have paid.

    They have paid as much; if all of them fall short, and reach a hundredth, it is in kopecks.
    """
    values = {number(rule, "group_id"): number(rule, "value") for rule in readable(rules)}
    votes: Counter[str] = Counter()
    for client in readable(clients):
        value = values.get(number(client, "client_groups_id")) or 0
        total = (number(client, "total_payed_sum") or 0) / per_hryvnia
        if value and total and not is_removed(client):
            votes["hryvnia" if total >= value else "kopecks" if total >= value / 100 else "else"] += 1
    seen = _most(votes)
    return Seen() if seen.value == "else" else seen


def middle(measured: Sequence[float]) -> Seen:
    return Seen(str(round(median(measured))), len(measured)) if measured else Seen()
