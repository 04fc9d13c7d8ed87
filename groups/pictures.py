"""The pictures beside the list: the share of the clients by group, and the ladder of percents."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from operator import attrgetter

from django.utils.translation import gettext as _

from groups.poster import Group
from groups.words import number_words, percent_words

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a picture, with the numbers that stand beside it.

    `number` is its place, from 1. `x` and `width` are parts of 100, as SVG wants them: with a point in every
    language.
    """

    number: int
    name: str
    clients: str
    share: str
    percent: str
    is_bonus: bool
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The shares of the clients, and the highest percents."""

    shares: tuple[Bar, ...]
    ladder: tuple[Bar, ...]


def make_picture(groups: Sequence[Group], everyone: int) -> Picture:
    """Draw the groups with the most clients and the rest, and those with the highest percents."""
    by_clients = nlargest(SHOWN, groups, key=attrgetter("clients"))
    shown = [group for group in by_clients if group.clients]
    shares: list[Bar] = []
    x = 0.0
    for number, group in enumerate(shown, 1):
        width = 100 * group.clients / everyone
        shares.append(_bar(number, group, everyone, x, width))
        x += width
    rest = everyone - sum(group.clients for group in shown)
    if rest:
        others = Group(name=_("All others"), id=0, clients=rest, loyalty_type=0, percent=Decimal(0))
        shares.append(_bar(len(shown) + 1, others, everyone, x, 100 - x))
    by_percent = nlargest(SHOWN, groups, key=attrgetter("percent", "clients"))
    highest = (by_percent and by_percent[0].percent) or Decimal(1)
    ladder = [
        _bar(number, group, everyone, 0, float(100 * group.percent / highest))
        for number, group in enumerate(by_percent, 1)
    ]
    return Picture(tuple(shares), tuple(ladder))


def _bar(number: int, group: Group, everyone: int, x: float, width: float) -> Bar:
    return Bar(
        number=number,
        name=group.name,
        clients=number_words(group.clients),
        share=share_words(group.clients, everyone),
        percent=percent_words(group.percent),
        is_bonus=group.is_bonus,
        x=f"{x:.2f}",
        width=f"{width:.2f}",
    )


def share_words(clients: int, everyone: int) -> str:
    """Return the percent of all clients: whole, or with one decimal."""
    if not everyone:
        return percent_words(Decimal(0))
    return percent_words(round(Decimal(100 * clients) / everyone, 1))
