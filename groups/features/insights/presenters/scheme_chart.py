"""Draw the loyalty scheme: groups as steps, and the rules between them as arrows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from groups.features.insights.services.ladder import Ladder
from groups.poster import Group, LoyaltyRule, LoyaltyType
from groups.services.values import NumberFormat, clients_words, type_label

WIDTHS = {"desk": 460, "phone": 320}
STEP, ARROW = 78, 36
"""Heights of a step, and of the arrow of the rule above it."""
LETTER = 8.5
"""Width of a letter in the units of the drawing, as a generous mean: names are cut to their place."""
SHOWN_WITHOUT_RULE = 8
THINNEST = Decimal(3)
"""Width of the bar of 0 percent."""


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One group of the picture: its arrow ends at `y`, and the name, the figures and the bar are below.

    `sum` is the label of the arrow, empty without one. A group that is gone has no bar.
    """

    y: int
    name: str
    figures: str
    sum: str
    is_bonus: bool
    bar_width: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A ladder at the width of a `look`."""

    look: str
    width: int
    height: int
    steps: list[DrawnStep]


@dataclass(frozen=True, slots=True)
class LadderPicture:
    """One ladder, drawn for a desk and for a phone; `more` counts the groups that are not drawn."""

    title: str
    drawings: list[Drawing]
    more: int = 0


def draw_scheme(
    ladder: Ladder, turnover_of: Callable[[int], str], *, title_of_others: str
) -> list[LadderPicture]:
    """Draw each ladder with its rules, and below `title_of_others` the groups that no rule leads to.

    `turnover_of` returns the turnover of a group in words, or an empty text.
    """
    numbers = NumberFormat.current()
    highest = max((group.percent for group in ladder.groups.values()), default=Decimal(0)) or Decimal(1)

    def draw_step(item: LoyaltyRule | Group, width: int, y: int) -> DrawnStep:
        rule, group = (item, ladder.group_of(item)) if isinstance(item, LoyaltyRule) else (None, item)
        name, figures, bar_width = "", [], ""
        if group:
            name = group.name
            figures = [numbers.percent(group.percent), clients_words(group.clients), turnover_of(group.id)]
            bar_width = f"{max(THINNEST, width * group.percent / highest):.1f}"
        elif rule:
            name = _("no. %(id)s is not in the list") % {"id": rule.group_id}
        return DrawnStep(
            y=y,
            name=Truncator(name).chars(int(width / LETTER)),
            figures=" · ".join(filter(None, figures)),
            sum=_("from %(sum)s") % {"sum": numbers.round_money(rule.value)} if rule else "",
            is_bonus=bool(group and group.is_bonus),
            bar_width=bar_width,
        )

    def draw(items: Sequence[LoyaltyRule | Group]) -> list[Drawing]:
        # In one picture all are rules, or all are groups without one.
        arrow = ARROW if isinstance(items[0], LoyaltyRule) else 0
        height = STEP + arrow
        return [
            Drawing(
                look,
                width,
                height * len(items),
                [draw_step(item, width, place * height + arrow) for place, item in enumerate(items)],
            )
            for look, width in WIDTHS.items()
        ]

    pictures = []
    for kind, rules in groupby(sorted(ladder.rules, key=lambda rule: ladder.kind(rule) or 0), ladder.kind):
        title = type_label(kind) if kind in tuple(LoyaltyType) else _("By the rules")
        pictures.append(LadderPicture(title, draw(list(rules))))
    outside = sorted(ladder.outside, key=lambda group: (-group.clients, group.id))
    if outside:
        shown = outside[:SHOWN_WITHOUT_RULE]
        pictures.append(LadderPicture(title_of_others, draw(shown), len(outside) - len(shown)))
    return pictures
