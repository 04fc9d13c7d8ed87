"""Narrow the list of groups by what insights know: sales, and promotions."""

from collections.abc import Callable
from decimal import Decimal

from django.utils.translation import gettext_lazy

from groups.features.insights.presenters.sales_columns import read_columns
from groups.features.insights.services.dependents import begin_promotions
from groups.features.insights.services.sales import VIEW_SALES
from groups.models import PosterCredentials
from groups.poster import Group
from groups.presenters.lists.conditions import ChoiceCondition, RangeCondition, Test
from groups.services.groups import Groups
from groups.services.values import NumberFormat


def _turnovers(credentials: PosterCredentials, _groups: Groups) -> Callable[[Group], Decimal] | None:
    amounts_of = read_columns(credentials).of_group
    return (lambda group: amounts_of(group)[0] or Decimal(0)) if amounts_of else None


def _find_promoted(credentials: PosterCredentials, _groups: Groups, asked: str) -> Test | None:
    promotions = begin_promotions(credentials)()
    if promotions.failure or promotions.unreadable:
        return None
    named = {group_id for each in promotions.found for group_id in each.group_ids}
    return lambda group: (group.id in named) == (asked == "yes")


TURNOVER = RangeCondition(
    key="turnover",
    label=gettext_lazy("Turnover in 30 days"),
    permission=VIEW_SALES,
    costly=True,
    amounts=_turnovers,
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
