"""Say what a change of percents costs: a figure, its parts by month, and what is not in it."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.insights.presenters.sums import ShownSums, as_of_words, days_words, lacking_words
from groups.features.insights.services.sales import MONTH, VIEW_SALES, Edit
from groups.features.insights.services.sales_sums import GroupSales, Period, Sales, cost_of, summed
from groups.models import Change
from groups.poster import GroupValues, LoyaltyType
from groups.poster.fields import plain
from groups.presenters.changes import ChangeNote
from groups.services.values import NumberFormat, clients_words, money_words

CARD = "cost"
"""Id of the card on its page, and name of the fragment that fills it in."""

type Costed = tuple[GroupSales, GroupValues, GroupValues]
"""The sales of a group, and its values before and after."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The cost in one month; `width` is a part of 100, formatted for SVG."""

    label: str
    cost: str
    revenue: str
    width: str
    saves: bool


class Figures:
    """The cost of edits, added up, in words and as plain numbers for scripts: hryvnia with a point."""

    def __init__(self, edits: Sequence[Edit], sales: Sales) -> None:
        groups = [(sales.of_group(group_id), old, new) for group_id, old, new in edits]
        cost = summed(group.cost(old, new) for group, old, new in groups)
        revenue = summed(group.revenue for group, _old, _new in groups)
        period = sales.period
        title = cost_words(cost, (period.last - period.first).days + 1)
        if not cost and any(old.effective_bonus != new.effective_bonus for _group, old, new in groups):
            title = _("will cost nothing more, apart from birthday bonuses")
        self.cost, self.revenue, self.title = f"{cost:.2f}", f"{revenue:.2f}", capfirst(title)
        self.clients = sum(group.clients for group, _old, _new in groups)
        self.receipts = sum(group.receipts for group, _old, _new in groups)
        self.basis = _basis_words(period, self.clients, self.receipts, revenue)
        self.birthday = _birthday_words(groups)
        self.notes = [words for words in _note_words(sales, groups) if words]
        self.bars = list(_bars(sales, groups)) if len(sales.parts) > 1 else []


@dataclass(frozen=True)
class CostCard(ShownSums[Sales]):
    """The element that says what `edits` cost; with `url` alone it is filled in later, from that address."""

    edits: Sequence[Edit] = ()

    @cached_property
    def figures(self) -> Figures | None:
        return Figures(self.edits, self.sums) if self.sums else None


def cost_url(group_id: int, old: GroupValues, new: GroupValues) -> str:
    """Return the address of the cost of these values in a month."""
    query = {"percent": plain(new.percent), "days": str(MONTH)}
    if old.loyalty_type != new.loyalty_type:
        query["loyalty_type"] = str(int(new.loyalty_type))
    if old.birthday_bonus != new.birthday_bonus:
        query["birthday_bonus"] = plain(new.birthday_bonus)
    return f"{reverse('groups:cost', args=[group_id])}?{urlencode(query)}"


def cost_words(cost: Decimal, days: int = MONTH) -> str:
    """Return a cost in half a sentence, in whole hryvnia: «коштуватиме до 12 400 ₴ на місяць»."""
    if not cost:
        return _("will cost nothing more")
    numbers = NumberFormat.current()
    # It is an upper bound, so it is rounded up: «12 400 ₴».
    whole = int(abs(cost).to_integral_value(ROUND_UP))
    values = {"sum": f"{numbers.count(whole)}\N{NO-BREAK SPACE}{numbers.currency}", "days": days}
    if days == MONTH:
        text = _("will cost up to %(sum)s a month") if cost > 0 else _("will save up to %(sum)s a month")
    elif cost > 0:
        text = ngettext(
            "would have cost up to %(sum)s in %(days)s day",
            "would have cost up to %(sum)s in %(days)s days",
            days,
        )
    else:
        text = ngettext(
            "would have saved up to %(sum)s in %(days)s day",
            "would have saved up to %(sum)s in %(days)s days",
            days,
        )
    return text % values


def note_of_cost(change: Change, user: User) -> ChangeNote | None:
    """Return what a change costs a month, for users who may see sales; None if that was not known."""
    if change.monthly_cost is None or not user.has_perm(VIEW_SALES):
        return None
    words = cost_words(change.monthly_cost)
    # Translators: it: the change; then, for example, "will cost up to 12,400 ₴ a month"
    sentence = _("It %(costs)s.") % {"costs": words}
    return ChangeNote(label=_("Cost"), text=words, sentence=sentence)


def _basis_words(period: Period, clients: int, receipts: int, revenue: Decimal) -> str:
    values = days_words(period)
    if not receipts:
        return _("Nobody whom this concerns bought anything from %(first)s to %(last)s.") % values
    bought = ngettext("%(count)s receipt", "%(count)s receipts", receipts)
    values |= {"clients": clients_words(clients), "revenue": money_words(revenue)}
    values["receipts"] = bought % {"count": NumberFormat.current().count(receipts)}
    return _("From %(first)s to %(last)s: %(clients)s who bought, %(receipts)s, %(revenue)s.") % values


def _note_words(sales: Sales, groups: Iterable[Costed]) -> Iterable[str]:
    yield _(
        "At most: products without a discount, promotions that win, and rounding make it less. "
        "A client whose own percent is higher than the new one costs nothing more."
    )
    yield _("It counts on guests who go on buying as they did; a better percent may bring more of them.")
    if any(LoyaltyType.BONUS in {old.loyalty_type, new.loyalty_type} for _group, old, new in groups):
        yield _("Bonuses count when they are granted, also those that nobody spends.")
    if any(old.loyalty_type != new.loyalty_type for _group, old, new in groups):
        yield _("The type changes: bonuses are counted from what was paid, discounts from the price before.")
    yield lacking_words(sales)
    yield as_of_words(sales)


def _birthday_words(groups: Sequence[Costed]) -> str:
    """Return the birthday bonuses of the period in words: they come on top, and depend on no percent.

    Of several groups only those with another bonus are told.
    """
    counted = [(group.birthdays, old.effective_bonus, new.effective_bonus) for group, old, new in groups]
    concerned = [each for each in counted if each[0] and (each[1] != each[2] or len(groups) == 1)]
    before = summed(clients * old for clients, old, _new in concerned)
    after = summed(clients * new for clients, _old, new in concerned)
    if not (before or after):
        return ""
    words = {
        "clients": clients_words(sum(clients for clients, _old, _new in concerned)),
        "before": money_words(before),
        "after": money_words(after),
        "sum": money_words(after),
        "more": money_words(after - before),
    }
    if len(groups) > 1:
        text = _(
            "Birthday bonuses are apart: %(after)s instead of %(before)s for %(clients)s "
            "with a birthday in these days = %(more)s."
        )
        return text % words
    _clients, old, new = concerned[0]
    words |= {"before": money_words(old), "after": money_words(new)}
    if before == after:
        text = _(
            "Birthday bonuses are apart, and stay as they are: "
            "%(after)s × %(clients)s with a birthday in these days = %(sum)s."
        )
    else:
        text = _(
            "Birthday bonuses are apart: %(after)s instead of %(before)s × %(clients)s "
            "with a birthday in these days = %(more)s."
        )
    return text % words


def _bars(sales: Sales, groups: Sequence[Costed]) -> Iterable[Bar]:
    costs, revenues = [], []
    for place in range(len(sales.parts)):
        known = [each for each in groups if each[0].parts]
        costs.append(summed(cost_of(group.parts[place], old, new) for group, old, new in known))
        revenues.append(summed(group.parts[place].everybody.revenue for group, _old, _new in known))
    highest = max(map(abs, costs), default=Decimal(0)) or Decimal(1)
    for part, cost, revenue in zip(sales.parts, costs, revenues, strict=True):
        label, first = date_format(part.first, "YEAR_MONTH_FORMAT"), part.first
        if (first.day, part.last.day) != (1, monthrange(first.year, first.month)[1]):
            label += f", {first.day}\N{EN DASH}{part.last.day}"  # not the whole month
        yield Bar(
            label=label,
            cost=money_words(cost),
            revenue=money_words(revenue),
            width=f"{100 * abs(cost) / highest:.2f}",
            saves=cost < 0,
        )
