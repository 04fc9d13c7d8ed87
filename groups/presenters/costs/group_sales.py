"""Show the sales of each group in the list and its export: turnover, average receipt, what was given."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.poster import Group, LoyaltyType, PosterError
from groups.presenters.costs.cost import (
    as_of_words,
    days_words,
    problem_words,
    progress_words,
    unreadable_words,
)
from groups.presenters.messages import Message
from groups.services.costs.sales_sums import Sales, rounded
from groups.services.jobs.sales_reading import Progress

KEYS = ("turnover", "receipt", "given")
"""Columns of sales, by the names that they have in an address."""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Figures of a group for the last month, in hryvnia; None where there is nothing to tell.

    `given` are the discounts of a discount group, the price less what was paid, or the bonuses that a bonus
    group gives for what was paid; the latter is an upper bound, at today's percents.
    """

    turnover: Decimal | None = None
    receipt: Decimal | None = None
    given: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SalesColumns:
    """The sales of the list: their sums, or how far these are, or why there are none.

    `offered` is True for a user who may see them, `shown` if the list shows them.
    """

    offered: bool = False
    shown: bool = False
    sums: Sales | None = None
    progress: str = ""
    problem: Message | None = None

    @property
    def notes(self) -> str:
        """The days that the figures are about, what they are, what they lack, and when they were read."""
        if self.sums is None:
            return ""
        words = _(
            "Sales from %(first)s to %(last)s. Turnover is what was paid. Given is the price less what was "
            "paid in groups with a discount. In groups with bonuses it is at most the percent of what was "
            "paid: the group's, or the client's own where that is higher."
        ) % days_words(self.sums.period)
        unreadable = unreadable_words(self.sums.unreadable) if self.sums.unreadable else ""
        return " ".join(filter(None, (words, unreadable, as_of_words(self.sums))))

    def of(self, group: Group) -> GroupFigures:
        """Return the figures of a group."""
        found = self.sums.of(group.id) if self.sums else None
        if found is None or not found.receipts:
            return GroupFigures()
        revenue = found.revenue
        if group.loyalty_type == LoyaltyType.DISCOUNT:
            given = found.total - revenue
        else:
            given = sum((part.given(group.loyalty_type, group.percent) for part in found.parts), Decimal(0))
        return GroupFigures(
            turnover=rounded(revenue),
            receipt=rounded(revenue / found.receipts),
            given=rounded(given) if group.is_editable else None,
        )

    def sort_key(self, name: str) -> Callable[[Group], Decimal]:
        """Return the key to sort groups by a column; a group without a figure counts as 0."""
        return lambda group: getattr(self.of(group), name) or Decimal(0)


NO_SALES = SalesColumns()


def sales_labels() -> dict[str, str]:
    """Return the names of the columns, in the current language."""
    return {
        "turnover": _("Turnover"),
        "receipt": _("Average receipt"),
        "given": pgettext("bonuses and discounts", "Given"),
    }


def sales_columns(find: Callable[[], Sales | Progress], *, offered: bool, shown: bool) -> SalesColumns:
    """Return the columns of sales; ask for them only if the list shows them and the user may see them."""
    if not (offered and shown):
        return SalesColumns(offered)
    try:
        found = find()
    except PosterError as error:
        return SalesColumns(offered, problem=problem_words(error))
    if isinstance(found, Progress):
        return SalesColumns(offered, progress=progress_words(found))
    return SalesColumns(offered, shown=True, sums=found)
