"""Draw the loyalty scheme: groups as steps, and the rules between them as arrows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from groups.features.insights.services.ladder import Ladder
from groups.poster import Group, LoyaltyRule, LoyaltyType
from groups.services.values import NumberFormat, clients_words, type_label

WIDE, NARROW = 460, 320
STEP, ARROW = 78, 36
LETTER = 8.5
"""Width of a letter in the units of the drawing, as a generous mean: names are cut to their place."""
SHOWN_WITHOUT_RULE = 8
THINNEST = Decimal(3)
"""Width of the bar of 0 percent."""


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One group of the picture; all numbers are units of the drawing, formatted for SVG.

    `sum` is the label of the arrow that leads here, empty without one. A group that is gone has no bar.
    """

    name: str
    figures: str
    figures_y: str
    sum: str
    is_bonus: bool
    is_gone: bool
    sum_y: str
    arrow: str
    name_y: str
    bar_y: str
    bar_width: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A ladder at one width."""

    width: int
    height: int
    steps: tuple[DrawnStep, ...]


@dataclass(frozen=True, slots=True)
class LadderPicture:
    """One ladder, drawn for a desk and for a phone; `more` counts the groups that are not drawn."""

    title: str
    drawings: tuple[tuple[str, Drawing], ...]
    more: int = 0


def draw_scheme(ladder: Ladder, turnover_of: Callable[[int], str]) -> list[LadderPicture]:
    """Draw each ladder with its rules, and after them the groups that no rule leads to.

    `turnover_of` returns the turnover of a group in words, or an empty text.
    """
    numbers = NumberFormat.current()
    highest = max((group.percent for group in ladder.groups.values()), default=Decimal(0)) or Decimal(1)
    pen = _Pen(ladder, numbers, highest, turnover_of)
    pictures = []
    for kind, rules in groupby(sorted(ladder.rules, key=lambda rule: ladder.kind(rule) or 0), ladder.kind):
        title = type_label(kind) if kind in tuple(LoyaltyType) else _("By the rules")
        pictures.append(LadderPicture(title, pen.draw(rules)))
    outside = sorted(ladder.outside, key=lambda group: (-group.clients, group.id))
    if outside:
        shown = outside[:SHOWN_WITHOUT_RULE]
        pictures.append(LadderPicture(_("No rule leads here"), pen.draw(shown), len(outside) - len(shown)))
    return pictures


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws steps one below the other: the arrow of the rule, the name, the figures, and the bar."""

    ladder: Ladder
    numbers: NumberFormat
    highest: Decimal
    turnover_of: Callable[[int], str]

    def draw(self, items: Iterable[LoyaltyRule | Group]) -> tuple[tuple[str, Drawing], ...]:
        items = list(items)
        return ("desk", self._drawing(items, WIDE)), ("phone", self._drawing(items, NARROW))

    def _drawing(self, items: list[LoyaltyRule | Group], width: int) -> Drawing:
        steps, y = [], 0
        for item in items:
            steps.append(self._step(item, width, y))
            y += STEP + (ARROW if isinstance(item, LoyaltyRule) else 0)
        return Drawing(width, y, tuple(steps))

    def _step(self, item: LoyaltyRule | Group, width: int, y: int) -> DrawnStep:
        rule = item if isinstance(item, LoyaltyRule) else None
        group = self.ladder.group_of(item) if isinstance(item, LoyaltyRule) else item
        line = y + (ARROW if rule else 0) + 16
        name = _("no. %(id)s is not in the list") % {"id": rule.group_id if rule else ""}
        figures: list[str] = []
        bar_width = Decimal(width)
        if group:
            name, percent = group.name, self.numbers.percent(group.percent)
            figures = [percent, clients_words(group.clients), self.turnover_of(group.id)]
            bar_width = max(THINNEST, width * group.percent / self.highest)
        return DrawnStep(
            name=Truncator(name).chars(int(width / LETTER)),
            figures=" · ".join(filter(None, figures)),
            figures_y=str(line + 19),
            sum=_("from %(sum)s") % {"sum": self.numbers.round_money(rule.value)} if rule else "",
            is_bonus=bool(group and group.is_bonus),
            is_gone=group is None,
            sum_y=str(y + 19),
            arrow=f"M10 {y + 2}V{y + 28}m-5 -6l5 6l5 -6",
            name_y=str(line),
            bar_y=str(line + 28),
            bar_width=f"{bar_width:.1f}",
        )
