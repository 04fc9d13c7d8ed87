"""Add the sales to the list of groups, as columns and conditions."""

from decimal import Decimal
from functools import partial

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from groups import hooks
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import MONTH, VIEW_SALES, Sales, SalesAdder, rounded
from groups.features.insights.services.scheme import begin_promotions
from groups.features.insights.views.cost import ask
from groups.models import PosterCredentials
from groups.poster import Group, LoyaltyType
from groups.presenters.lists import Amounts, ChoiceCondition, ColumnSet, RangeCondition, Test, column_sets
from groups.services.groups import MAX_WAIT, Groups
from groups.services.values import NumberFormat


def read_columns(credentials: PosterCredentials) -> Amounts:
    """Return the sales of the last month for the list, how far they are, or why there are none.

    Each group has its turnover, its average receipt, and what was given: the discounts of a discount group,
    the price less what was paid, or the bonuses that a bonus group gives for what was paid; the latter is an
    upper bound, at today's percents.
    """
    about = ask(partial(sweep.find_sums, SalesAdder(credentials, MONTH), within=sweep.QUICK_SECONDS))
    sums: Sales | None = about["sums"]
    if sums is None:
        return Amounts(SALES, about)

    def amounts_of(group: Group) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        found = sums.of_group(group.id)
        if not found.receipts:
            return None, None, None
        revenue = found.revenue
        if group.loyalty_type == LoyaltyType.DISCOUNT:
            given = found.total - revenue
        else:
            given = sum((part.given(group.loyalty_type, group.percent) for part in found.parts), Decimal(0))
        receipt = rounded(revenue / found.receipts)
        return rounded(revenue), receipt, rounded(given) if group.is_editable else None

    return Amounts(SALES, about, amounts_of)


SALES = ColumnSet(
    key="sales",
    permission=VIEW_SALES,
    labels=lambda: {
        "turnover": _("Turnover"),
        "receipt": _("Average receipt"),
        "given": pgettext("bonuses and discounts", "Given"),
    },
    words=gettext_lazy("with sales"),
    template="insights/sales.html",
    read=read_columns,
)
column_sets[SALES.key] = SALES


def _find_promoted(credentials: PosterCredentials, groups: Groups, answer: str) -> Test | None:
    # The page of a copy asks once more, and waits then.
    within = MAX_WAIT if groups.is_awaited else settings.POSTER_READ_DEADLINE
    promotions = begin_promotions(credentials, within=within)()
    if promotions.failure or promotions.unreadable:
        return None
    named = {group_id for each in promotions.found for group_id in each.group_ids}
    return lambda group: (group.id in named) == (answer == "yes")


hooks.list_condition(
    RangeCondition(
        key="turnover",
        label=gettext_lazy("Turnover in 30 days"),
        permission=VIEW_SALES,
        costly=True,
        amounts=lambda credentials, _groups: read_columns(credentials).sort_key("turnover"),
        written=NumberFormat.round_money,
        highest=1_000_000_000,
    ),
    order=-8,
)
hooks.list_condition(
    ChoiceCondition(
        key="promotion",
        label=gettext_lazy("Promotion"),
        costly=True,
        choices={"yes": gettext_lazy("with a promotion"), "no": gettext_lazy("without a promotion")},
        find=_find_promoted,
    ),
    order=-1,
)
