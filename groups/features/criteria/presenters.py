"""Words of the rows and of their reasons, and two pictures: where clients lie, and who would go where."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import compress
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.criteria.services.judging import Bought, Criterion
from groups.features.criteria.services.reading import (
    NAMED_AT_MOST,
    CriteriaReading,
    PairSums,
    Preview,
    Spread,
    dates_of,
)
from groups.features.insights.services.sales import cost_words, rounded
from groups.features.insights.services.scheme import Listed
from groups.poster import Client, Group, Promotion
from groups.poster.fields import KOPECKS
from groups.services.values import NumberFormat

# --- Words -------------------------------------------------------------------------------------------------


def is_better(old: Group, new: Group) -> bool | None:
    """Return True if clients get more in the new group, None if as much; the percent comes first."""
    before, after = ((group.percent, group.effective_bonus) for group in (old, new))
    return None if before == after else after > before


def days_words(days: int) -> str:
    return ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}


def kopecks_words(kopecks: int) -> str:
    return NumberFormat.current().round_money(Decimal(kopecks) / KOPECKS)


def conditions_of(row: Criterion) -> list[str]:
    count, found = NumberFormat.current().count, list[str]()

    def say(text: str, least: int | None, most: int | None, written: Callable[[int], str]) -> None:
        low, high = ("" if bound is None else written(bound) for bound in (least, most))
        if low and high:
            bounds = _("from %(low)s to %(high)s") % {"low": low, "high": high}
        elif low:
            bounds = _("at least %(low)s") % {"low": low}
        elif high:
            bounds = _("at most %(high)s") % {"high": high}
        else:
            return
        found.append(text % {"bounds": bounds, "period": days_words(row.days or 0)})

    say(_("bought %(bounds)s %(period)s"), row.bought_min, row.bought_max, kopecks_words)
    say(_("receipts: %(bounds)s %(period)s"), row.receipts_min, row.receipts_max, count)
    say(_("registered, days ago: %(bounds)s"), row.registered_min, row.registered_max, count)
    if row.birthday_in is not None:
        text = ngettext(
            "a birthday within %(count)s day", "a birthday within %(count)s days", row.birthday_in
        )
        found.append(text % {"count": count(row.birthday_in)})
    return found


def reason_words(client: Client, bought: Bought | None, days: int | None, row: Criterion | None) -> str:
    """Return why a client belongs elsewhere: "bought 6,420 ₴ in 365 days, receipts: 12"."""
    parts, (born, registered) = [], dates_of(client)
    if bought is not None and days is not None:
        values = {"sum": kopecks_words(bought[0]), "period": days_words(days)}
        values["receipts"] = NumberFormat.current().count(bought[1])
        parts.append(_("bought %(sum)s %(period)s, receipts: %(receipts)s") % values)
    if row and row.birthday_in is not None and isinstance(born, tuple):
        month, day = born
        parts.append(_("birthday on %(day)s") % {"day": f"{day:02}.{month:02}"})
    if row and row.needs_registration and isinstance(registered, date):
        parts.append(_("registered on %(day)s") % {"day": date_format(registered, "SHORT_DATE_FORMAT")})
    return ", ".join(parts or [_("no row holds any more")])


def pair_of(
    pair: PairSums,
    reading: CriteriaReading,
    name_of: Callable[[int], str],
    promotions: Listed[Promotion] | None,
) -> dict[str, Any]:
    numbers, rows, place = NumberFormat.current(), reading.table.rows, reading.table.places[pair.to_id]
    row = rows[place] if place < len(rows) else None
    named = reading.named if reading.pair == (pair.from_id, pair.to_id) else []
    shown = reading.skip + len(named)
    old, new = reading.groups[pair.from_id], reading.groups[pair.to_id]
    names = {pair.from_id: name_of(pair.from_id), pair.to_id: name_of(pair.to_id)}
    facts: dict[str, Any] = {
        "sums": pair,
        "is_better": is_better(old, new),
        "percents": tuple(numbers.percent(group.percent) for group in (old, new)),
        "names": tuple(names.values()),
        "conditions": conditions_of(row) if row else [_("no row holds any more")],
        "cost_words": cost_words(rounded(pair.cost)),
        # The promotions of one of the two groups, with True for the one that clients leave.
        "promotions": [
            (each, names[pair.from_id if is_lost else pair.to_id], is_lost)
            for each in (promotions.found if promotions else ())
            if (is_lost := pair.from_id in each.group_ids) != (pair.to_id in each.group_ids)
        ],
        "people": [
            (client.id, client.name, reason_words(client, sums, pair.days, row)) for client, sums in named
        ],
        "next_skip": shown if len(named) == NAMED_AT_MOST and shown < pair.clients else 0,
    }
    if pair.bought is not None and pair.receipts is not None and pair.days is not None:
        facts["money"] = " – ".join(dict.fromkeys(map(kopecks_words, pair.bought)))
        facts["receipts"] = " – ".join(dict.fromkeys(map(numbers.count, pair.receipts)))
        facts["period"] = days_words(pair.days)
    return facts


# --- Who would go where ------------------------------------------------------------------------------------

HEIGHT, HEAD, LEAST = 240.0, 46.0, 1.5
"""Pixels of all clients, of the words over a group, and of the narrowest flow."""
CHIP = 18.0
"""The height from which on a flow has its number in it."""
MOST_GROUPS = 6
"""Groups that a picture shows; the rest of a longer table is drawn as one, REST."""
REST = 0
LONGEST_NAME = 22
"""Letters of a name in the picture, for a phone; its tables have all of them."""


def flows_of(preview: Preview, reading: CriteriaReading, name_of: Callable[[int], str]) -> dict[str, Any]:
    """Return the groups now and then, and the clients between them as bands of an SVG that is 100 wide."""
    groups, numbers = reading.table.groups, NumberFormat.current()
    moving, staying, clients = Counter[int](), Counter(preview.members), Counter[tuple[int, int]]()
    for pair in preview.pairs:
        moving.update({pair.from_id: pair.clients, pair.to_id: pair.clients})
        staying[pair.from_id] -= pair.clients
    most = MOST_GROUPS if len(groups) <= MOST_GROUPS else MOST_GROUPS - 1
    shown = set(sorted(groups, key=lambda each: -moving[each])[:most])
    places = {each: each if each in shown else REST for each in groups}
    for pair in preview.pairs:
        clients[places[pair.from_id], places[pair.to_id]] += pair.clients
    for each in groups:
        clients[places[each], places[each]] += staying[each]

    scale, order = HEIGHT / max(clients.total(), 1), list(dict.fromkeys(places.values()))
    flows: list[dict[str, Any]] = [
        {"ends": ends, "clients": number, "height": max(number * scale, LEAST)}
        for ends, number in sorted(clients.items(), key=lambda item: [order.index(each) for each in item[0]])
        if number > 0
    ]
    sides: dict[int, dict[str, Any]] = {each: {} for each in order}
    for column, when in enumerate(("now", "then")):
        y = 0.0
        for group_id, side in sides.items():
            top = y = y + HEAD
            here = [flow for flow in flows if flow["ends"][column] == group_id]
            for flow in here:
                flow[when], y = y, y + flow["height"]
            number = sum(flow["clients"] for flow in here)
            side[when] = {"top": f"{top:.1f}", "height": f"{y - top:.1f}", "clients": number}
    for group_id, side in sides.items():
        name = side["name"] = name_of(group_id) if group_id else _("the other groups")
        side["short"] = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        if group := reading.groups.get(group_id):
            side["percent"] = numbers.percent(group.percent)
        change = side["then"]["clients"] - side["now"]["clients"]
        side["change"] = f"{'+' if change > 0 else '−'}{numbers.count(abs(change))}" if change else "="
    looks = {True: "better", False: "worse", None: "same"}
    for flow in flows:
        left, right, height, (old, new) = flow["now"], flow["then"], flow["height"], flow["ends"]
        there = f"M0 {left:.1f}C50 {left:.1f} 50 {right:.1f} 100 {right:.1f}"
        left, right = left + height, right + height
        flow["path"] = f"{there}V{right:.1f}C50 {right:.1f} 50 {left:.1f} 0 {left:.1f}Z"
        flow["words_at"] = f"{left - height / 2 + 4:.1f}" if height >= CHIP else ""
        flow["from"], flow["to"] = sides[old]["name"], sides[new]["name"]
        flow["opens"] = bool(old and new and old != new)
        look = looks[is_better(reading.groups[old], reading.groups[new])] if flow["opens"] else "same"
        flow["look"] = "stays" if old == new else look
    high = HEAD * len(order) + sum(flow["height"] for flow in flows)
    return {"sides": list(sides.values()), "flows": flows, "flows_high": f"{high:.0f}"}


# --- Where clients lie -------------------------------------------------------------------------------------

BARS_HIGH, LEVEL, TICKS = 128, 26, 3
"""Pixels of the bars and of a line of the bounds, and the words of the axis, about."""
CLOSE = 24
"""Hundredths of the width in which the words of two bounds would meet, also on a phone."""
LINES = 12
"""Lines of the table, about; the picture has more bars."""


class Bounds(NamedTuple):
    """The bounds of a row for one amount; `field` begins the names of their fields."""

    field: str
    name: str
    least: int | None
    most: int | None


def spread_card(field: str, days: int, spread: Spread, rows: list[Bounds]) -> dict[str, Any]:
    """Return a picture in units of its template: bars in the shade of their row, the bounds, and an axis."""
    counts, words = spread.counts, kopecks_words if field == "bought" else NumberFormat.current().count
    highest, last = max(counts) or 1, len(counts) - 1
    shades = [f"{1 - 0.72 * place / len(rows):.2f}" for place in range(len(rows))] + ["0.25"]
    bars, of_rows = [], [0] * len(shades)
    for place, count in enumerate(counts):
        # The first row counts, as for clients. A bar of one client among thousands can be seen too.
        within = (spread.is_within(place, row.least, row.most) for row in rows)
        row = next(compress(range(len(rows)), within), len(rows))
        of_rows[row] += count
        height = max(BARS_HIGH * count / highest, 1.0) if count else 0.0
        bars.append((f"{BARS_HIGH - height:.2f}", f"{height:.2f}", shades[row], row < len(rows)))
    flags: list[dict[str, Any]] = []
    level, before = 0, -100.0
    ends = [
        (f"{row.field}_{end}", value)
        for row in rows
        for end, value in (("min", row.least), ("max", row.most))
    ]
    for name, value in sorted(((name, value) for name, value in ends if value), key=lambda end: end[1]):
        x, text = 100 * min(value / spread.step, last + 1) / len(counts), words(value)
        # Words that would cover those of the bound before stand above them.
        level, before = (level + 1 if x - before < CLOSE else 0), x
        width = 16 + 8 * len(text)
        left = -width if x > 100 - CLOSE else -width // 2 if x > CLOSE / 2 else 0
        flags.append(
            {"name": name, "x": f"{x:.2f}", "words": text, "width": width, "left": left, "level": level}
        )
    levels = max((flag["level"] for flag in flags), default=-1) + 1
    for flag in flags:
        flag["y"] = (levels - 1 - flag["level"]) * LEVEL
        flag["line"] = levels * LEVEL + BARS_HIGH - flag["y"]
    together, lines = max(len(counts) // LINES, 1), []
    for first in range(0, last, together):
        some = counts[first : min(first + together, last)]
        if sum(some):
            low, high = first * spread.step, (first + len(some)) * spread.step
            lines.append((f"{words(low)} – {words(high)}", sum(some)))
    every = max(-(-last // TICKS), 1)
    ticks = [
        (f"{100 * place / len(counts):.2f}", "middle", words(place * spread.step))
        for place in range(every, last - every // 2, every)
    ]
    return {
        "field": field,
        "days": days,
        # A step as people type it: in hryvnia, or receipts.
        "step": spread.step // (KOPECKS if field == "bought" else 1),
        "is_exact": all(spread.is_edge(row.least, row.most) for row in rows),
        "parts": [
            {"name": row.name if row else "", "shade": shade, "clients": clients}
            for row, shade, clients in zip((*rows, None), shades, of_rows, strict=True)
        ],
        "bars": bars,
        "flags": flags,
        "flags_high": levels * LEVEL,
        "ticks": [("0", "start", words(0)), *ticks, ("100", "end", f"{words(last * spread.step)} +")],
        "lines": lines,
        "top": words(last * spread.step),
        "in_top": counts[-1],
    }
