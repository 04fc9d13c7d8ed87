"""Draw where clients lie beside the bounds that are typed, with the numbers in a table."""

from collections.abc import Iterator, Mapping
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


type Bar = tuple[str, str, str, str, bool]
"""A bar of the picture: x, y, width and height as SVG wants them, and True if it is within the bounds."""


@dataclass(frozen=True, slots=True)
class SpreadCard:
    """A picture of where clients lie, its words, and the lines of the table behind it."""

    title: str
    words: str
    bars: tuple[Bar, ...]
    lines: tuple[tuple[str, str], ...]


def spread_cards(credentials: PosterCredentials, bounds: Mapping[str, int | None]) -> list[SpreadCard]:
    """Return a card for the amounts and one for the receipts, of what was read today; often there is none."""
    cards, count, days = [], NumberFormat.current().count, bounds.get("days")
    typed = {name: (bounds.get(f"{name}_min"), bounds.get(f"{name}_max")) for name in ("bought", "receipts")}
    for field in [name for name, ends in typed.items() if ends != (None, None)] or ["bought"]:
        least, most = typed[field]
        spread = kept_spread(credentials, field, days) if days else None
        if spread is None or days is None:
            continue
        clients, is_exact = spread.within(least, most)
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
        words = text % {"clients": count(clients), "all": count(spread.clients)}
        bars, lines = _bars(spread, least, most), _lines(field, spread)
        cards.append(SpreadCard(title % {"days": days}, words, tuple(bars), tuple(lines)))
    return cards


def _bars(spread: Spread, least: int | None, most: int | None) -> Iterator[Bar]:
    highest, width = max(spread.counts) or 1, WIDTH / len(spread.counts)
    for place, count in enumerate(spread.counts):
        # A bar of one client among thousands can be seen too.
        height = max(HEIGHT * count / highest, 1.0) if count else 0.0
        sides = (place * width, HEIGHT - height, width - GAP, height)
        x, y, wide, high = (f"{side:.2f}" for side in sides)
        yield x, y, wide, high, spread.is_within(place, least, most)


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
