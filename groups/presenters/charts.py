"""Draw the charts beside the list: each group's share of the clients, and the highest percents."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from operator import attrgetter

from django.utils.translation import gettext as _

from groups.poster import Group
from groups.presenters.messages import NumberFormat

SHOWN = 6


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
class Step:
    """One bar of the chart of percents; `width` is a part of 100 as well."""

    name: str
    percent: str
    is_bonus: bool
    width: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The shares of the clients, and the highest percents."""

    shares: tuple[Share, ...]
    ladder: tuple[Step, ...]


def make_picture(groups: Sequence[Group], everyone: int, numbers: NumberFormat) -> Picture:
    """Draw the groups with the most clients and the rest, and those with the highest percents."""
    return Picture(tuple(_shares(groups, everyone, numbers)), tuple(_ladder(groups, numbers)))


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
                share=numbers.percent(share_of(clients, everyone)),
                x=f"{x:.2f}",
                width=f"{width:.2f}",
            )
        )
        x += width
    return shares


def _ladder(groups: Sequence[Group], numbers: NumberFormat) -> list[Step]:
    by_percent = nlargest(SHOWN, groups, key=attrgetter("percent", "clients"))
    highest = (by_percent and by_percent[0].percent) or Decimal(1)
    return [
        Step(
            name=group.name,
            percent=numbers.percent(group.percent),
            is_bonus=group.is_bonus,
            width=f"{100 * group.percent / highest:.2f}",
        )
        for group in by_percent
    ]


def share_of(clients: int, everyone: int) -> Decimal:
    """Return the percent of all clients: whole, or with one decimal."""
    return round(Decimal(100 * clients) / everyone, 1) if everyone else Decimal(0)
