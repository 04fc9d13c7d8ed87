"""Draw the figures of a group as pictures: places in parts of 100, and pixels from the top.

Numbers are formatted for SVG: with a decimal point in every language.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from groups.features.figures.models import Figure, yesterday
from groups.features.figures.services.telling import DAY, Effect, PercentChange
from groups.services.values import NumberFormat

YEAR = 364
WEEK = 7
GAP = 7 * DAY
"""Time between two nights from which on no line joins them."""
MEMBERS_HIGH, TURNOVER_HIGH = 130, 60
LABEL_HIGH, LABEL_SIGN, LABEL_ROOM = 20, 7.4, 14
"""Height of a flag's label, and the width of one of its signs and of the space beside them, in pixels."""
NARROW = 300
"""Width of the picture on a phone, in pixels: flags that would meet there stand below each other."""
SPARK_WIDE, SPARK_HIGH = 100, 24
MOST_SHOWN = 100
"""Percent at which the bar of an effect is as long as its half of the track."""


def draw_year(rows: Sequence[Figure], changes: Sequence[PercentChange]) -> dict[str, Any] | None:
    """Draw the members, the changes and the turnover of a group in a year; None without a night.

    `rows` are in the order of their days. A week of turnover is drawn where all of its nights are known.
    """
    nights = [row for row in rows if not row.by_todays_members and row.clients is not None]
    if not nights:
        return None
    last = yesterday()
    first = last - (YEAR - 1) * DAY

    def x(day: date) -> float:
        return 100 * (day - first).days / YEAR

    numbers = NumberFormat.current()
    counts = [row.clients or 0 for row in nights]
    top = _round_up(max(counts))
    lines = []
    for start, end in _unbroken(nights):
        points = [
            f"{x(row.day) + 50 / YEAR:.2f},{100 - 100 * (row.clients or 0) / top:.1f}"
            for row in nights[start:end]
        ]
        edges = points[0].partition(",")[0], points[-1].partition(",")[0]
        lines.append({"line": " ".join(points), "area": f"{edges[0]},100 {' '.join(points)} {edges[1]},100"})
    weeks = _weeks(rows, nights[0].day)
    highest = _round_up(max((int(revenue) for _day, revenue, _pale in weeks), default=0))
    bars = [
        {
            "x": f"{x(day - (WEEK - 1) * DAY) + 0.2:.2f}",
            "width": f"{100 * WEEK / YEAR - 0.4:.2f}",
            "y": f"{TURNOVER_HIGH - TURNOVER_HIGH * max(revenue, Decimal(0)) / highest:.1f}",
            "height": f"{TURNOVER_HIGH * max(revenue, Decimal(0)) / highest:.1f}",
            "pale": pale,
        }
        for day, revenue, pale in weeks
        if day > first + WEEK * DAY - DAY
    ]
    flags = _flags([each for each in changes if first <= each.day <= last], x)
    months = [first + number * DAY for number in range(YEAR) if (first + number * DAY).day == 1]
    began = x(nights[0].day)
    return {
        "lines": lines,
        "top": numbers.count(top),
        "half": numbers.count(top // 2),
        "bars": bars,
        "highest": numbers.count(highest),
        "has_pale": any(bar["pale"] for bar in bars),
        "flags": flags,
        "flags_high": LABEL_HIGH * max((flag["row"] + 1 for flag in flags), default=0) + 4,
        "months": [(f"{x(month):.2f}", month, place % 2) for place, month in enumerate(months)],
        "since": nights[0].day,
        "since_x": f"{began:.2f}" if began > 1 else "",
        "until": nights[-1].day,
        "members_then": counts[0],
        "members_now": counts[-1],
        "change": _signed(counts[-1] - _month_ago(nights), numbers),
        "turnover_now": weeks[-1][1] if weeks else None,
        "table": _table(rows, nights, weeks, changes),
    }


def _unbroken(nights: Sequence[Figure]) -> Iterable[tuple[int, int]]:
    """Yield the places between which no gap is longer than GAP."""
    start = 0
    for place, (before, after) in enumerate(pairwise(nights), start=1):
        if after.day - before.day > GAP:
            yield start, place
            start = place
    yield start, len(nights)


def _weeks(rows: Sequence[Figure], first_night: date) -> list[tuple[date, Decimal, bool]]:
    """Return the last day, the turnover and whether it is by today's members of each whole week."""
    found = [
        (row.day, row.revenue, True) for row in rows if row.by_todays_members and row.revenue is not None
    ]
    known = {row.day: row.revenue for row in rows if not row.by_todays_members and row.revenue is not None}
    # The weeks end with the last night, so that the latest days are in one.
    last = max(known, default=first_night)
    whole = []
    while last - (WEEK - 1) * DAY >= first_night:
        days = [last - number * DAY for number in range(WEEK)]
        if all(day in known for day in days):
            whole.append((last, sum((known[day] for day in days), Decimal(0)), False))
        last -= WEEK * DAY
    return found + whole[::-1]


def _flags(changes: Sequence[PercentChange], x: Any) -> list[dict[str, Any]]:
    """Place the label of each change beside its line, and below those that it would meet on a phone."""
    flags: list[dict[str, Any]] = []
    ends: list[float] = []
    numbers = NumberFormat.current()
    for each in changes:
        label = f"{numbers.number(each.old)} → {numbers.percent(each.new)}"
        width, left = LABEL_SIGN * len(label) + LABEL_ROOM, x(each.day)
        is_left = left + 100 * width / NARROW > 100
        begin = left - 100 * width / NARROW if is_left else left
        row = next((row for row, end in enumerate(ends) if end < begin), len(ends))
        ends[row : row + 1] = [begin + 100 * width / NARROW + 1]
        flags.append(
            {
                "x": f"{left:.2f}",
                "row": row,
                "y": row * LABEL_HIGH,
                "text_y": row * LABEL_HIGH + 13,
                "label": label,
                "width": f"{width:.0f}",
                "offset": f"{-width if is_left else 0:.0f}",
                "middle": f"{(-width if is_left else width) / 2:.0f}",
            }
        )
    return flags


def _table(
    rows: Sequence[Figure],
    nights: Sequence[Figure],
    weeks: Sequence[tuple[date, Decimal, bool]],
    changes: Sequence[PercentChange],
) -> list[dict[str, Any]]:
    """Return the weeks for the table, the latest first, each with the changes of the percent in it."""
    counts = {row.day: row.clients for row in nights}
    return [
        {
            "first": day - (WEEK - 1) * DAY,
            "last": day,
            "clients": counts.get(day),
            "turnover": revenue,
            "pale": pale,
            "changes": [each for each in changes if day - WEEK * DAY < each.day <= day],
        }
        for day, revenue, pale in reversed(weeks)
    ]


def _month_ago(nights: Sequence[Figure]) -> int:
    """Return the members of 30 nights before the last one, or of the first night."""
    since = nights[-1].day - 30 * DAY
    return next(row.clients or 0 for row in nights if row.day >= since)


def _signed(number: int, numbers: NumberFormat) -> str:
    return f"{'+' if number > 0 else ''}{numbers.count(number)}" if number else ""


def _round_up(number: int) -> int:
    """Return the next number that an axis may end with, at least 10: a digit and zeros."""
    size: int = 10 ** (len(str(max(number, 10))) - 1)
    return -(-max(number, 10) // size) * size


def draw_line(owed: Mapping[date, Decimal]) -> list[str]:
    """Draw what was owed from night to night, as lines that break where a night is missing."""
    if len(owed) < 2:
        return []
    days = sorted(owed)
    least, most = min(owed.values()), max(owed.values())
    lines: list[list[str]] = [[]]
    for place, day in enumerate(days):
        if place and day - days[place - 1] > DAY:
            lines.append([])
        part = (owed[day] - least) / (most - least) if most > least else Decimal("0.5")
        x = SPARK_WIDE * (day - days[0]).days / (days[-1] - days[0]).days
        lines[-1].append(f"{x:.1f},{SPARK_HIGH - 2 - part * (SPARK_HIGH - 4):.1f}")
    return [" ".join(points) for points in lines if len(points) > 1]


def effect_words(effect: Effect) -> dict[str, Any]:
    """Return an effect for its template: plain numbers for scripts, percents for people, bars for both."""

    def plain_number(amount: Decimal | None) -> str:
        return "" if amount is None else f"{amount:.4f}"

    def percent_of(before: Decimal | None, after: Decimal | None) -> float | None:
        return float(after / before - 1) * 100 if before and after else None

    own = percent_of(effect.before, effect.after)
    others = percent_of(effect.others_before, effect.others_after)
    swing = 200 * effect.noise if effect.noise is not None else None
    scale = max((abs(each) for each in (own, others, swing) if each is not None), default=0) or 1
    bars = []
    for key, value in (("own", own), ("others", others), ("swing", swing)):
        if value is not None:
            wide = 50 * min(abs(value) / scale, 1)
            left = 50 - wide if value < 0 or key == "swing" else 50
            bars.append(
                {
                    "key": key,
                    "x": f"{left:.1f}",
                    "width": f"{2 * wide if key == 'swing' else wide:.1f}",
                    "words": f"± {round(value)}" if key == "swing" else f"{value:+.0f}".replace("-", "−"),
                }
            )
    beside = round((effect.ratio - 1) * 100) if effect.ratio is not None else None
    numbers = NumberFormat.current()
    return {
        "effect": effect,
        "change": effect.made.change,
        "old": numbers.number(effect.made.old),
        "new": numbers.percent(effect.made.new),
        "before": plain_number(effect.before),
        "after": plain_number(effect.after),
        "others_before": plain_number(effect.others_before),
        "others_after": plain_number(effect.others_after),
        "beside": None if beside is None else f"{beside:+d}".replace("-", "−"),
        "bars": bars,
    }
