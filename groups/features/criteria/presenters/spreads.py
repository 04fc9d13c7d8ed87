"""Draw where clients lie beside the bounds that are typed, with the numbers in a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.criteria.presenters.page import kopecks_words
from groups.features.criteria.services.kept import kept_spread
from groups.features.criteria.services.previews import Spread
from groups.models import PosterCredentials
from groups.services.values import NumberFormat

WIDTH, HEIGHT, GAP = 300.0, 48.0, 0.6
LINES = 12
"""Lines of the table, about; the picture has more bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the picture, as SVG wants it."""

    x: str
    y: str
    width: str
    height: str
    is_in: bool


@dataclass(frozen=True, slots=True)
class SpreadCard:
    """A picture of where clients lie, its words, and the lines of the table behind it."""

    title: str
    words: str
    bars: tuple[Bar, ...]
    lines: tuple[tuple[str, str], ...]


def spread_cards(credentials: PosterCredentials, bounds: Mapping[str, int | None]) -> list[SpreadCard]:
    """Return a card for the amounts and one for the receipts, of what was read today; often there is none."""
    days = bounds.get("days")
    typed = {
        field: (bounds.get(f"{field}_min"), bounds.get(f"{field}_max")) for field in ("bought", "receipts")
    }
    if not days:
        return []
    bounded = [field for field, ends in typed.items() if ends != (None, None)]
    cards, count = [], NumberFormat.current().count
    for field in bounded or ["bought"]:
        spread = kept_spread(credentials, field, days)
        if spread is None:
            continue
        least, most = typed[field]
        clients, is_exact = spread.within(least, most)
        words = {"clients": count(clients), "all": count(spread.clients)}
        if least is None and most is None:
            text = _("Clients of these groups: %(all)s.")
        elif is_exact:
            text = _("Clients within the bounds: %(clients)s of %(all)s.")
        else:
            text = _("Clients within the bounds: about %(clients)s of %(all)s.")
        if field == "bought":
            title = ngettext("Bought in %(days)s day", "Bought in %(days)s days", days)
        else:
            title = ngettext("Receipts in %(days)s day", "Receipts in %(days)s days", days)
        bars, lines = _bars(spread, least, most), _lines(field, spread)
        cards.append(SpreadCard(title % {"days": days}, text % words, tuple(bars), tuple(lines)))
    return cards


def _bars(spread: Spread, least: int | None, most: int | None) -> list[Bar]:
    highest, width = max(spread.counts) or 1, WIDTH / len(spread.counts)
    bars = []
    for place, count in enumerate(spread.counts):
        # A bar of one client among thousands can be seen too.
        height = max(HEIGHT * count / highest, 1.0) if count else 0.0
        bars.append(
            Bar(
                f"{place * width:.2f}",
                f"{HEIGHT - height:.2f}",
                f"{width - GAP:.2f}",
                f"{height:.2f}",
                spread.is_within(place, least, most),
            )
        )
    return bars


def _lines(field: str, spread: Spread) -> list[tuple[str, str]]:
    """Return the ranges and their numbers of clients, several steps a line."""
    count = NumberFormat.current().count
    words = kopecks_words if field == "bought" else count
    together = max(len(spread.counts) // LINES, 1)
    lines = []
    for first in range(0, len(spread.counts) - 1, together):
        some = spread.counts[first : min(first + together, len(spread.counts) - 1)]
        if sum(some):
            low, high = first * spread.step, (first + len(some)) * spread.step
            lines.append((f"{words(low)} – {words(high)}", count(sum(some))))
    top = (len(spread.counts) - 1) * spread.step
    lines.append((_("from %(low)s") % {"low": words(top)}, count(spread.counts[-1])))
    return lines
