"""Draw the figures of a group as pictures: places in parts of 100, and pixels from the top.

Numbers are formatted for SVG: with a decimal point in every language.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from groups.features.figures.models import DAY, Figure, yesterday
from groups.features.figures.services import Effect, PercentChange
from groups.features.insights.services.sales import cost_words
from groups.services.values import NumberFormat

YEAR, WEEK = 364, 7
GAP = 7 * DAY
"""Time between two nights from which on no line joins them."""
TURNOVER_HIGH = 60
LABEL_HIGH, LABEL_SIGN, LABEL_ROOM = 20, 7.4, 14
"""Height of a flag's label, and the width of one of its signs and of the space beside them, in pixels."""
NARROW = 300
"""Width of the picture on a phone, in pixels: flags that would meet there stand below each other."""


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

    counts = {row.day: row.clients or 0 for row in nights}
    top = _round_up(max(counts.values()))
    points = {day: f"{x(day) + 50 / YEAR:.2f},{100 - 100 * count / top:.1f}" for day, count in counts.items()}
    found = _weeks(rows, nights[0].day)
    highest = _round_up(max((int(revenue) for _day, revenue, _pale in found), default=0))
    weeks = []
    for day, revenue, pale in found:
        high = float(TURNOVER_HIGH * max(revenue, Decimal(0)) / highest)
        first_of_week = day - (WEEK - 1) * DAY
        week = {
            "first": first_of_week,
            "last": day,
            "clients": counts.get(day),
            "turnover": revenue,
            "pale": pale,
            "changes": [each for each in changes if first_of_week <= each.day <= day],
            "x": f"{x(first_of_week) + 0.2:.2f}",
            "y": f"{TURNOVER_HIGH - high:.1f}",
            "height": f"{high:.1f}",
        }
        weeks.append(week)
    flags = _flags([each for each in changes if first <= each.day <= last], x)
    months = [day for number in range(YEAR) if (day := first + number * DAY).day == 1]
    month_ago = next(row.clients or 0 for row in nights if row.day >= nights[-1].day - 30 * DAY)
    numbers, change = NumberFormat.current(), counts[nights[-1].day] - month_ago
    return {
        "lines": [
            (" ".join(line), line[0].partition(",")[0], line[-1].partition(",")[0])
            for line in _unbroken(points, GAP)
        ],
        "top": numbers.count(top),
        "half": numbers.count(top // 2),
        "weeks": weeks,
        "width": f"{100 * WEEK / YEAR - 0.4:.2f}",
        "highest": numbers.count(highest),
        "has_pale": any(week["pale"] for week in weeks),
        "flags": flags,
        "flags_high": LABEL_HIGH * max((flag["row"] + 1 for flag in flags), default=0) + 4,
        "months": [(f"{x(month):.2f}", month) for month in months[::2]],
        "began": nights[0],
        "began_x": f"{x(nights[0].day):.2f}" if nights[0].day - first > WEEK * DAY else "",
        "now": nights[-1],
        "change": f"{'+' if change > 0 else ''}{numbers.count(change)}" if change else "",
    }


def _weeks(rows: Sequence[Figure], first_night: date) -> list[tuple[date, Decimal, bool]]:
    """Return the last day, the turnover and whether it is by today's members of each whole week."""
    told = [(row.day, row.revenue, row.by_todays_members) for row in rows if row.revenue is not None]
    known = {day: revenue for day, revenue, is_week in told if not is_week}
    # The weeks end with the last night, so that the latest days are in one.
    last = max(known, default=first_night)
    whole = []
    while last - (WEEK - 1) * DAY >= first_night:
        days = [last - number * DAY for number in range(WEEK)]
        if all(day in known for day in days):
            whole.append((last, sum((known[day] for day in days), Decimal(0)), False))
        last -= WEEK * DAY
    return [each for each in told if each[2]] + whole[::-1]


def _flags(changes: Sequence[PercentChange], x: Callable[[date], float]) -> list[dict[str, Any]]:
    """Place the label of each change beside its line, and below those that it would meet on a phone."""
    flags: list[dict[str, Any]] = []
    ends: list[float] = []
    for each in changes:
        width, left = LABEL_SIGN * len(each.words) + LABEL_ROOM, x(each.day)
        part = 100 * width / NARROW
        is_left = left + part > 100
        begin = left - part if is_left else left
        row = next((row for row, end in enumerate(ends) if end < begin), len(ends))
        ends[row : row + 1] = [begin + part + 1]
        flags.append(
            {
                "label": each.words,
                "row": row,
                "x": f"{left:.2f}",
                "y": row * LABEL_HIGH,
                "width": f"{width:.0f}",
                "offset": f"{-width if is_left else 0:.0f}",
                "middle": f"{(-width if is_left else width) / 2:.0f}",
            }
        )
    return flags


def _round_up(number: int) -> int:
    """Return the next number that an axis may end with, at least 10: a digit and zeros."""
    size: int = 10 ** (len(str(max(number, 10))) - 1)
    return -(-max(number, 10) // size) * size


def draw_line(owed: Mapping[date, Decimal]) -> list[str]:
    """Draw what was owed from night to night, as lines that break where a night is missing.

    The height is at least a fiftieth of the sum: otherwise a thousandth of it would look like a crash.
    """
    if len(owed) < 2:
        return []
    days, least, most = sorted(owed), min(owed.values()), max(owed.values())
    height, middle = max(most - least, most / 50), (least + most) / 2
    points = {}
    for day in days:
        part = Decimal("0.5") + ((owed[day] - middle) / height if height > 0 else 0)
        x = 100 * (day - days[0]).days / (days[-1] - days[0]).days
        points[day] = f"{x:.1f},{22 - part * 20:.1f}"
    return [" ".join(line) for line in _unbroken(points, DAY) if len(line) > 1]


def _unbroken(points: Mapping[date, str], gap: timedelta) -> list[list[str]]:
    """Return the points of each line: two days further apart than the gap are not joined."""
    lines: list[list[str]] = []
    before = date.min
    for day, point in points.items():
        if day - before > gap:
            lines.append([])
        lines[-1].append(point)
        before = day
    return lines


def effect_words(effect: Effect) -> dict[str, Any]:
    """Return an effect for its template, with bars that show it beside the others and the usual swing."""

    def percent_of(before: Decimal | None, after: Decimal | None) -> float | None:
        return float(after / before - 1) * 100 if before and after else None

    values = {
        "own": percent_of(effect.before, effect.after),
        "others": percent_of(effect.others_before, effect.others_after),
        "swing": 200 * effect.noise if effect.noise is not None else None,
    }
    known = {key: value for key, value in values.items() if value is not None}
    longest = max(map(abs, known.values()), default=0) or 1
    bars = []
    for key, value in known.items():
        wide = 50 * abs(value) / longest
        is_swing = key == "swing"
        left, width = 50 - wide * (value < 0 or is_swing), 2 * wide if is_swing else wide
        words = f"± {value:.0f}" if is_swing else f"{value:+.0f}"
        bars.append(
            {"key": key, "x": f"{left:.1f}", "width": f"{width:.1f}", "words": words.replace("-", "−")}
        )
    beside = "" if effect.ratio is None else f"{100 * effect.ratio - 100:+.0f}".replace("-", "−")
    cost = effect.made.change.monthly_cost
    return {
        "effect": effect,
        "made": effect.made,
        "beside": beside,
        "bars": bars,
        "cost": "" if cost is None else cost_words(cost),
    }
