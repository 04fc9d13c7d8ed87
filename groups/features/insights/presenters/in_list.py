"""Show the sales of each group in the list and its export, and narrow the list by sales and promotions."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from groups.features.insights.presenters.sums import ShownSums, as_of_words, days_words, lacking_words
from groups.features.insights.services.dependents import begin_promotions
from groups.features.insights.services.sales import MONTH, VIEW_SALES, SalesAdder
from groups.features.insights.services.sales_sums import Sales, rounded
from groups.features.insights.services.sweep import QUICK_SECONDS, find_sums
from groups.models import PosterCredentials
from groups.poster import Group, LoyaltyType
from groups.presenters.lists.conditions import Amounts, ChoiceCondition, ColumnSet, RangeCondition, Test
from groups.services.groups import PATIENCE, Groups
from groups.services.values import NumberFormat


@dataclass(frozen=True, slots=True)
class SalesColumns(ShownSums[Sales]):
    """The sales of the list."""

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
        return " ".join(filter(None, (words, lacking_words(self.sums), as_of_words(self.sums))))

    def amounts_of(self, group: Group) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """Return turnover, average receipt, and what was given, in hryvnia; None where nothing was bought.

        Given are the discounts of a discount group, the price less what was paid, or the bonuses that a bonus
        group gives for what was paid; the latter is an upper bound, at today's percents.
        """
        found = self.sums.of_group(group.id) if self.sums else None
        if found is None or not found.receipts:
            return None, None, None
        revenue = found.revenue
        if group.loyalty_type == LoyaltyType.DISCOUNT:
            given = found.total - revenue
        else:
            given = sum((part.given(group.loyalty_type, group.percent) for part in found.parts), Decimal(0))
        receipt = rounded(revenue / found.receipts)
        return rounded(revenue), receipt, rounded(given) if group.is_editable else None


def sales_labels() -> dict[str, str]:
    """Return the names of the columns by their keys, in the current language."""
    return {
        "turnover": _("Turnover"),
        "receipt": _("Average receipt"),
        "given": pgettext("bonuses and discounts", "Given"),
    }


def read_columns(credentials: PosterCredentials) -> Amounts:
    """Return the sales of the last month for the list, how far they are, or why there are none."""
    adder = SalesAdder(credentials, MONTH)
    columns = SalesColumns().ask(partial(find_sums, adder, within=QUICK_SECONDS))
    return Amounts(SALES, columns, columns.amounts_of if columns.sums else None)


SALES = ColumnSet(
    key="sales",
    permission=VIEW_SALES,
    labels=sales_labels,
    words=gettext_lazy("with sales"),
    template="insights/sales.html",
    read=read_columns,
)


def _find_promoted(credentials: PosterCredentials, groups: Groups, asked: str) -> Test | None:
    # The page of a copy asks once more, and waits then.
    within = PATIENCE if groups.is_asked else settings.POSTER_READ_DEADLINE
    promotions = begin_promotions(credentials, within=within)()
    if promotions.failure or promotions.unreadable:
        return None
    named = {group_id for each in promotions.found for group_id in each.group_ids}
    return lambda group: (group.id in named) == (asked == "yes")


TURNOVER = RangeCondition(
    key="turnover",
    label=gettext_lazy("Turnover in 30 days"),
    permission=VIEW_SALES,
    costly=True,
    amounts=lambda credentials, _groups: read_columns(credentials).sort_key("turnover"),
    written=NumberFormat.round_money,
    highest=1_000_000_000,
)
PROMOTION = ChoiceCondition(
    key="promotion",
    label=gettext_lazy("Promotion"),
    costly=True,
    choices={"yes": gettext_lazy("with a promotion"), "no": gettext_lazy("without a promotion")},
    find=_find_promoted,
)
