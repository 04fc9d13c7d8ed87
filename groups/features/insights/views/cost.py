"""View what a percent costs, on a page of its own and in parts of others."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.insights.models import Sweep
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import (
    MONTH,
    PERIODS,
    VIEW_SALES,
    Edit,
    Sales,
    SalesAdder,
    cost_of,
    cost_words,
    edit_of,
    may_cost,
    summed,
)
from groups.forms import TYPES, BonusField, PercentField
from groups.models import Change
from groups.poster import ErrorReason, Group, GroupValues, LoyaltyType, NotAllowed, NotFound, PosterError
from groups.poster.fields import plain
from groups.presenters.changes import ChangeNote
from groups.services import groups as reads
from groups.services.groups import OneGroup
from groups.services.messages import Message, error_words, status_of
from groups.services.values import clients_words, money_words
from groups.services.writes.commands import GroupCommand
from groups.views.http import Request, requires
from poster_admin.common.pages import htmx_target, render_page

type Variables = dict[str, Any]


def ask[T](find: Callable[[], T | Sweep | None], url: str = "") -> Variables:
    """Return the sums for a page, the progress of adding them up, or the problem and the error behind it.

    The page asks for them at `url` while there is none of these, and again while there is progress.
    """
    shown: Variables = {"url": url, "sums": None, "progress": None, "problem": None, "failure": None}
    try:
        found = find()
    except PosterError as error:
        words = error_words(error)
        # The codes 503 and 700 are about the account or its plan, and not about the token.
        is_of_token = isinstance(error, NotAllowed) and error.code not in (503, 700)
        if is_of_token and error.method == "dash.getClientsSales":
            words = Message(
                _("Your token may not see sales"),
                _(
                    "Poster knows the token, but it lacks the right to statistics. "
                    "Everything else works as before."
                ),
                _("The owner of the Poster account can give it: a token with the right to statistics."),
                words.details,
            )
        return shown | {"problem": words, "failure": error}
    return shown | {"progress" if isinstance(found, Sweep) else "sums": found}


CARD = "cost"
"""Id of the card on its page, and name of the fragment that fills it in."""


def periods() -> list[tuple[str, str]]:
    """Return the periods and their words. A lazy text would keep the language in which it got its number."""
    return [(str(days), ngettext("the last %d day", "the last %d days", days) % days) for days in PERIODS]


class CostForm(forms.Form):
    """New values of a group, and the days to add up. Missing values are the group's own, and 30 days.

    The percent alone can be wrong: all other values have a default.
    """

    percent = PercentField(label=gettext_lazy("New percent"), required=False)
    days = forms.TypedChoiceField(label=gettext_lazy("Sales of"), choices=periods, coerce=int)
    loyalty_type = forms.TypedChoiceField(choices=TYPES, coerce=int, required=False)
    birthday_bonus = BonusField()

    def __init__(self, data: Any, *, group: Group) -> None:
        # Unknown values in an address are ignored, but a percent is typed: a wrong one is said.
        days = data.get("days") if data.get("days") in map(str, PERIODS) else str(MONTH)
        percent = data.get("percent") or self.base_fields["percent"].prepare_value(group.percent)
        super().__init__({**data.dict(), "days": days, "percent": percent})
        self.group = group

    def values(self) -> GroupValues:
        data = self.cleaned_data
        loyalty_type = data.get("loyalty_type") or self.group.loyalty_type
        bonus = data.get("birthday_bonus")
        if bonus is None or loyalty_type == LoyaltyType.DISCOUNT:
            bonus = self.group.birthday_bonus
        percent = self.group.percent if data["percent"] is None else data["percent"]
        return self.group.values.replace(loyalty_type=loyalty_type, percent=percent, birthday_bonus=bonus)


@require_safe
@requires("view_group", "view_sales")
def group_cost(request: Request, group_id: int) -> HttpResponse:
    group = reads.list_groups(request.credentials).find(group_id)
    if group is None:
        raise NotFound(None, reason=ErrorReason.GONE)
    form = CostForm(request.GET, group=group)
    cost: Variables | None = None
    status = 200
    if error := " ".join(map(str, form.errors.get("percent", ()))):
        status = 422
        # The page has the error next to the field, which is in no fragment.
        if htmx_target(request) == CARD:
            cost = {"problem": Message("", error)}
    elif not group.is_editable:
        text = _("Poster has a type for this group that is not known here, so it cannot be edited here.")
        cost = {"problem": Message(_("There is no figure for this group."), text)}
    else:
        find = partial(sweep.find_sums, SalesAdder(request.credentials, form.cleaned_data["days"]))
        cost = cost_card(find, [(group.id, group.values, form.values())], request.get_full_path())
        status = status_of(cost["failure"]) if cost["failure"] else 200
    context = {"group": group, "form": form, "cost": cost}
    return render_page(request, "insights/cost.html", context, fragment=CARD, status=status)


def cost_card(find: Callable[[], Sales | Sweep | None], edits: Sequence[Edit], url: str) -> Variables:
    """Return what edits cost, added up: in words, and as plain numbers for scripts, hryvnia with a point."""
    card = ask(find, url)
    sales: Sales | None = card["sums"]
    if sales is None:
        return card
    groups = [(sales.of_group(group_id), old, new) for group_id, old, new in edits]
    cost = summed(group.cost(old, new) for group, old, new in groups)
    revenue = summed(group.revenue for group, _old, _new in groups)
    receipts = sum(group.receipts for group, _old, _new in groups)
    clients = sum(group.clients for group, _old, _new in groups)

    # Birthday bonuses come on top, and depend on no percent. Of several groups only those with another
    # bonus are shown.
    counted = [(group.birthdays, old.effective_bonus, new.effective_bonus) for group, old, new in groups]
    concerned = [each for each in counted if each[0] and (each[1] != each[2] or len(groups) == 1)]
    before = summed(clients * old for clients, old, _new in concerned)
    after = summed(clients * new for clients, _old, new in concerned)
    birthdays = None
    if before or after:
        _clients, old_bonus, new_bonus = concerned[0]
        of_one = len(groups) == 1
        birthdays = {
            "of_one": of_one,
            "are_same": before == after,
            "clients": clients_words(sum(clients for clients, _old, _new in concerned)),
            "before": money_words(old_bonus if of_one else before),
            "after": money_words(new_bonus if of_one else after),
            "sum": money_words(after),
            "more": money_words(after - before),
        }
    bonuses_differ = any(old.effective_bonus != new.effective_bonus for _group, old, new in groups)

    # The cost of each month; `width` is a part of 100, formatted for SVG.
    known = [each for each in groups if each[0].parts]
    costs = [
        summed(cost_of(group.parts[place], old, new) for group, old, new in known)
        for place in range(len(sales.parts))
    ]
    highest = max(map(abs, costs), default=Decimal(0)) or Decimal(1)
    months = []
    for place, (part, in_part) in enumerate(zip(sales.parts, costs, strict=True)):
        first, last = part.first, part.last
        month = {
            "part": part,
            "is_whole": (first.day, last.day) == (1, monthrange(first.year, first.month)[1]),
            "cost": money_words(in_part),
            "revenue": money_words(summed(group.parts[place].everybody.revenue for group, _o, _n in known)),
            "width": f"{100 * abs(in_part) / highest:.2f}",
            "saves": in_part < 0,
        }
        months.append(month)
    figures = {
        "cost": f"{cost:.2f}",
        "revenue": f"{revenue:.2f}",
        "clients": clients,
        "receipts": receipts,
        "title": capfirst(cost_words(cost, (sales.period.last - sales.period.first).days + 1)),
        "only_birthdays": not cost and bonuses_differ,
        "clients_words": clients_words(clients),
        "revenue_words": money_words(revenue),
        "birthdays": birthdays,
        "has_bonuses": any(
            LoyaltyType.BONUS in {old.loyalty_type, new.loyalty_type} for _g, old, new in groups
        ),
        "type_changes": any(old.loyalty_type != new.loyalty_type for _group, old, new in groups),
        "months": months if len(months) > 1 else [],
    }
    return card | {"figures": figures}


@hooks.part("group.menu", "insights/link_to_cost.html", order=1)
def link_to_cost(request: Request, one: OneGroup) -> Variables | None:
    return {"group": one.group} if one.group.is_editable and request.user.has_perm(VIEW_SALES) else None


@hooks.part("form.percent", "insights/cost_requested.html")
def cost_of_typed(request: Request, group: Group | None, command: GroupCommand | None) -> Variables | None:
    """Show the place for the cost of what is typed, unless the page has the cost of its command already."""
    if group is None or not request.user.has_perm(VIEW_SALES) or (command and edit_of(request.user, command)):
        return None
    return {"group": group, "at_once": "percent" in request.GET}


@hooks.part("check.cards", "insights/cost_section.html")
def cost_of_command(request: Request, command: GroupCommand) -> Variables | None:
    """Show the cost of a command that may cost something in a month; later, if that takes long."""
    edit = edit_of(request.user, command)
    if edit is None:
        return None
    group_id, old, new = edit
    query = {"percent": plain(new.percent), "days": str(MONTH)}
    if old.loyalty_type != new.loyalty_type:
        query["loyalty_type"] = str(int(new.loyalty_type))
    if old.birthday_bonus != new.birthday_bonus:
        query["birthday_bonus"] = plain(new.birthday_bonus)
    url = f"{reverse('groups:cost', args=[group_id])}?{urlencode(query)}"
    find = partial(sweep.find_sums_quickly, SalesAdder(request.credentials, MONTH))
    return {"cost": cost_card(find, [edit], url)}


@hooks.part("plan.cards", "insights/cost_section.html")
def cost_of_plan(request: Request, edits: Sequence[Edit]) -> Variables | None:
    """Show the cost of a plan, one sum for all groups; its page requests again what takes long."""
    edits = [edit for edit in edits if may_cost(request.user, edit)]
    if not edits:
        return None
    is_requested = htmx_target(request) == CARD or CARD in request.GET
    find = partial(
        sweep.find_sums if is_requested else sweep.find_sums_quickly, SalesAdder(request.credentials, MONTH)
    )
    return {"cost": cost_card(find, edits, f"{request.path}?{CARD}=1"), "of_plan": True}


@hooks.change_note
def note_of_cost(change: Change, user: User) -> ChangeNote | None:
    if change.monthly_cost is None or not user.has_perm(VIEW_SALES):
        return None
    words = cost_words(change.monthly_cost)
    # Translators: it: the change; then, for example, "will cost up to 12,400 ₴ a month"
    sentence = _("It %(costs)s.") % {"costs": words}
    return ChangeNote(label=_("Cost"), text=words, sentence=sentence)
