"""Draw the charts beside the list: shares of the clients or counts of the percents, and the highest percents.

In a large account the largest groups have small shares: there the chart counts groups by percent instead.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from operator import attrgetter

from django.utils.translation import gettext as _

from groups.poster import Group, GroupTotals
from groups.poster.fields import plain
from groups.services.values import NumberFormat

SHOWN = 6
LARGE = 100
"""With more groups the chart counts them by percent."""
EDGES = tuple(map(Decimal, (0, 1, 5, 10, 15, 20, 30, 50)))
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Share:
    """One segment of the bar of clients, with the numbers beside it.

    `x` and `width` are parts of 100, formatted for SVG: with a decimal point in every language.
    `components.css` gives each segment the colour of its position.
    """

    name: str
    clients: str
    share: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class PercentBar:
    """One bar of the chart of percents; `width` is a part of 100 as well."""

    name: str
    percent: str
    is_bonus: bool
    width: str


@dataclass(frozen=True, slots=True)
class Band:
    """One bar of the histogram: the groups with a percent in a range, and the filters that find them."""

    percents: str
    groups: str
    query: str
    width: str


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts. In a large account `bands` and the number of `empty` groups replace the shares."""

    shares: tuple[Share, ...]
    ladder: tuple[PercentBar, ...]
    bands: tuple[Band, ...] = ()
    empty: str = ""


def make_charts(groups: Sequence[Group], totals: GroupTotals, numbers: NumberFormat) -> Charts:
    """Draw the groups with the most clients and the rest, or all by percent; and the highest percents."""
    highest = (totals.highest and totals.highest[0].percent) or Decimal(1)
    ladder = tuple(
        PercentBar(
            name=group.name,
            percent=numbers.percent(group.percent),
            is_bonus=group.is_bonus,
            width=f"{100 * group.percent / highest:.2f}",
        )
        for group in totals.highest
    )
    if len(groups) <= LARGE:
        return Charts(tuple(_shares(groups, totals.clients, numbers)), ladder)
    empty = totals.without_clients
    bands = tuple(_bands(totals, numbers))
    return Charts((), ladder, bands, numbers.count(empty) if empty else "")


def _bands(totals: GroupTotals, numbers: NumberFormat) -> list[Band]:
    """Count the groups by percent; each range begins at its edge and ends below the next one."""
    counts: Counter[int] = Counter()
    for percent, count in totals.of_percent.items():
        counts[bisect_right(EDGES, percent) - 1] += count
    most = max(counts.values())
    bands = []
    for place, low in enumerate(EDGES):
        high = EDGES[place + 1] - CENT if place + 1 < len(EDGES) else Decimal(100)
        if count := counts[place]:
            bands.append(
                Band(
                    percents=f"{numbers.percent(low)} – {numbers.percent(high)}",
                    groups=numbers.count(count),
                    query=f"?percent_from={plain(low)}&percent_to={plain(high)}",
                    width=f"{100 * count / most:.2f}",
                )
            )
    return bands


def _shares(groups: Sequence[Group], everyone: int, numbers: NumberFormat) -> list[Share]:
    largest = nlargest(SHOWN, groups, key=attrgetter("clients"))
    parts = [(group.name, group.clients) for group in largest if group.clients]
    rest = everyone - sum(clients for _name, clients in parts)
    if rest:
        parts.append((_("All others"), rest))
    shares: list[Share] = []
    x = 0.0
    for name, clients in parts:
        width = 100 * clients / everyone
        shares.append(
            Share(
                name=name,
                clients=numbers.count(clients),
                share=numbers.share(clients, everyone),
                x=f"{x:.2f}",
                width=f"{width:.2f}",
            )
        )
        x += width
    return shares
