"""The pictures beside the list: the share of the clients by group, and the ladder of percents."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from operator import attrgetter

from django.utils.translation import gettext as _

from groups.poster import Group

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a picture, with the numbers that stand beside it.

    `number` is its place, from 1. `x` and `width` are parts of 100, as SVG wants them: with a point in every
    language.
    """

    number: int
    name: str
    clients: int
    share: Decimal
    percent: Decimal
    is_bonus: bool
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The shares of the clients, and the highest percents."""

    shares: tuple[Bar, ...]
    ladder: tuple[Bar, ...]

    @property
    def strip(self) -> tuple[tuple[int, str, str], ...]:
        """The number, place and width of each share: what the numbers beside it are is nothing to it."""
        return tuple((bar.number, bar.x, bar.width) for bar in self.shares)


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
        clients=group.clients,
        share=share(group.clients, everyone),
        percent=group.percent,
        is_bonus=group.is_bonus,
        x=f"{x:.2f}",
        width=f"{width:.2f}",
    )


def share(clients: int, everyone: int) -> Decimal:
    """Return the percent of all clients, with one decimal."""
    return Decimal(tenths(clients, everyone)).scaleb(-1)


def tenths(clients: int, everyone: int) -> int:
    """Return the tenths of a percent; a half goes to the even one, as with decimals, but sooner."""
    if not everyone:
        return 0
    whole, rest = divmod(1000 * clients, everyone)
    return whole + int(2 * rest > everyone or (2 * rest == everyone and whole % 2 == 1))
