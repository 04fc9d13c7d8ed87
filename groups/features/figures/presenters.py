"""Draw the year of a group, what it was after a change, and lines of what is owed.

Places are in parts of 100, or pixels from the top; numbers have a decimal point, for SVG.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import batched
from statistics import geometric_mean
from typing import Any

from groups.features.figures.models import DAY, Figure, yesterday
from groups.features.figures.services.changes import HALF, PercentChange
from groups.features.figures.services.effects import MeasuredEffect
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


def draw_year(
    rows: Sequence[Figure], changes: Sequence[PercentChange], *, with_sums: bool
) -> dict[str, Any] | None:
    """Draw the members, the changes and, where sums may be seen, the turnover of a group in a year.

    `rows` are in the order of their days; None without a night of members. A week of turnover is drawn where
    all of its nights are known; any other week since the first night has a mark that its figures are missing.
    """
    nights = [row for row in rows if row.clients is not None]
    if not nights:
        return None
    last, numbers = yesterday(), NumberFormat.current()
    first = last - (YEAR - 1) * DAY

    def x(day: date) -> float:
        return 100 * (day - first).days / YEAR

    counts = {row.day: row.clients or 0 for row in nights}
    top = _round_up(max(counts.values()))
    points = {day: f"{x(day) + 50 / YEAR:.2f},{100 - 100 * count / top:.1f}" for day, count in counts.items()}
    # The weeks end with the last night, so that the latest days are in one.
    known = {row.day: row.revenue for row in rows if with_sums and row.revenue is not None}
    ends, weeks = max(known, default=nights[-1].day), list[dict[str, Any]]()
    ends += (last - ends) // (WEEK * DAY) * WEEK * DAY
    while (begins := ends - (WEEK - 1) * DAY) >= nights[0].day:
        sums = [known.get(begins + number * DAY) for number in range(WEEK)]
        clients, before = counts.get(ends), counts.get(begins - DAY)
        week: dict[str, Any] = {
            "first": begins,
            "last": ends,
            "clients": clients,
            "grown": "" if clients is None or before is None else numbers.change(clients - before),
            "turnover": None if None in sums else sum((each or 0 for each in sums), Decimal(0)),
            "is_empty": not any(begins <= night <= ends for night in counts),
            "changes": [each for each in changes if begins <= each.day <= ends],
            "x": f"{x(begins) + 0.2:.2f}",
        }
        weeks.insert(0, week)
        ends -= WEEK * DAY
    highest = _round_up(max((int(week["turnover"] or 0) for week in weeks), default=0))
    for week in weeks:
        high = float(TURNOVER_HIGH * max(week["turnover"] or Decimal(0), Decimal(0)) / highest)
        week |= {"y": f"{TURNOVER_HIGH - high:.1f}", "height": f"{high:.1f}"}
    flags = _flags([each for each in changes if first <= each.day <= last], x)
    months = [day for number in range(YEAR) if (day := first + number * DAY).day == 1]
    month_ago = next(row.clients or 0 for row in nights if row.day >= nights[-1].day - 30 * DAY)
    change = counts[nights[-1].day] - month_ago
    return {
        "lines": [
            (" ".join(line), line[0].partition(",")[0], line[-1].partition(",")[0])
            for line in unbroken(points, GAP)
        ],
        "top": numbers.count(top),
        "half": numbers.count(top // 2),
        "weeks": weeks,
        "latest": next((week for week in reversed(weeks) if week["turnover"] is not None), None),
        "lacks": any(week["turnover"] is None for week in weeks),
        "width": f"{100 * WEEK / YEAR - 0.4:.2f}",
        "highest": numbers.count(highest),
        "flags": flags,
        "flags_high": LABEL_HIGH * max((flag["row"] + 1 for flag in flags), default=0) + 4,
        "months": [(f"{x(month):.2f}", month) for month in months[::2]],
        "began": nights[0],
        "began_x": f"{x(nights[0].day):.2f}" if nights[0].day - first > WEEK * DAY else "",
        "now": nights[-1],
        "change": numbers.change(change),
    }


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
    return [" ".join(line) for line in unbroken(points, DAY) if len(line) > 1]


def unbroken(points: Mapping[date, str], gap: timedelta) -> list[list[str]]:
    """Return the points of each line: two days further apart than the gap are not joined."""
    lines: list[list[str]] = []
    before = date.min
    for day, point in points.items():
        if day - before > gap:
            lines.append([])
        lines[-1].append(point)
        before = day
    return lines


# --- After a change ----------------------------------------------------------------------------------------

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
MOST_STEPS = 4


def shown_effects(effects: Iterable[MeasuredEffect]) -> list[dict[str, Any]]:
    """Return the effects of `effects_of` for their template, those of each change together."""
    found = []
    for pair in batched(effects, 2, strict=True):
        made, cost = pair[0].made, pair[0].made.change.monthly_cost
        shown: list[dict[str, Any]] = [
            {
                "effect": effect,
                **{name: _percent(getattr(effect.comparison, name)) for name in ("ratio", "low", "high")},
                "picture": draw_effect(effect),
            }
            for effect in pair
        ]
        weeks = [
            {
                "first": (first := made.day + (number * WEEK - HALF + (number * WEEK >= HALF)) * DAY),
                "last": first + (WEEK - 1) * DAY,
                "amounts": [
                    amount for each in shown if each["picture"] for amount in each["picture"]["weeks"][number]
                ],
            }
            for number in range(2 * HALF // WEEK)
        ]
        found.append(
            {
                "made": made,
                "shown": shown,
                "weeks": weeks if any(each["picture"] for each in shown) else [],
                "cost": "" if cost is None else cost_words(cost),
            }
        )
    return found


def draw_effect(effect: MeasuredEffect) -> dict[str, Any] | None:
    """Draw a group and the others week by week, as parts of what each was before the change.

    The band is where earlier periods let the mean of the group be expected after it.
    """
    if effect.comparison.ratio is None:
        return None
    half = len(effect.own) // 2
    own, others = (
        [amount / geometric_mean(series[:half]) for amount in series]
        for series in ([each or 0.0 for each in whose] for whose in (effect.own, effect.others))
    )
    mean, theirs = geometric_mean(own[half:]), geometric_mean(others[half:])
    band = []
    if effect.comparison.high is not None:
        expected, spread = mean / effect.comparison.ratio, effect.comparison.high / effect.comparison.ratio
        band = [expected / spread, expected * spread]
    percents = [100 * each - 100 for each in (*own, *others, *band)]
    step = next((s for s in STEPS if max(percents) - min(percents) <= MOST_STEPS * s), 1000)
    least, most = min(percents) // step * step, -(-max(percents) // step) * step
    most = max(most, least + step)

    def y(part: float) -> str:
        return f"{100 * (most - (100 * part - 100)) / (most - least):.1f}"

    places = [f"{100 * (number + 0.5) / len(own):.2f}" for number in range(len(own))]
    return {
        "own": [(x, y(each)) for x, each in zip(places, own, strict=True)],
        "others": " ".join(f"{x},{y(each)}" for x, each in zip(places, others, strict=True)),
        "mean": y(mean),
        "top": y(band[1]) if band else "",
        "high": f"{float(y(band[0])) - float(y(band[1])):.1f}" if band else "",
        "grid": [
            (y(1 + tick / 100), _percent(1 + tick / 100)) for tick in range(int(least), int(most) + 1, step)
        ],
        "after": {
            "own": _percent(mean),
            "others": _percent(theirs),
            "band": [_percent(each) for each in band],
        },
        "weeks": [(_percent(mine), _percent(each)) for mine, each in zip(own, others, strict=True)],
    }


def _percent(part: float | None) -> str:
    """Return a part as the percent by which it differs from the whole, with a sign."""
    return "" if part is None else f"{100 * part - 100:+z.0f}".replace("-", "−").replace("+0", "0")
