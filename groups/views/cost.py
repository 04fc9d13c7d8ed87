"""Views of costs: of a percent, and the cards on other pages that tell what their changes cost."""

from collections.abc import Sequence
from functools import partial

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups.forms.cost import CostForm
from groups.models.contents import Line
from groups.poster import ErrorReason, Group, GroupValues, LoyaltyType, NotFound
from groups.presenters.costs.cost import CostCard, cost_card, cost_url
from groups.presenters.costs.group_sales import SalesColumns, sales_columns
from groups.presenters.lists.list_filters import Filters
from groups.presenters.messages import Message
from groups.services import groups as reads
from groups.services.costs.sales import MONTH, RIGHT
from groups.services.jobs.sales_reading import find_sales, find_sales_later, find_sales_quickly
from groups.services.writes.commands import GroupCommand
from groups.views.http.requests import Request, requires
from groups.views.http.statuses import status_of
from poster_admin.common.htmx import element_asked_for, render_page

FRAGMENT = "cost"


@require_safe
@requires("view_group", "view_sales")
def group_cost(request: Request, group_id: int) -> HttpResponse:
    """Show what a percent of a group costs."""
    group = reads.list_groups(request.credentials).find(group_id)
    if group is None:
        raise NotFound(None, "no such group", reason=ErrorReason.GONE)
    form = CostForm(request.GET, group=group)
    card = _card_of_form(request, form, group)
    status = 422 if form.percent_error else status_of(card.failure) if card and card.failure else 200
    context = {"group": group, "form": form, "cost": card}
    return render_page(request, "groups/costs/cost.html", context, fragment=FRAGMENT, status=status)


def _card_of_form(request: Request, form: CostForm, group: Group) -> CostCard | None:
    """Return the card; None where the page has the error beside the field, which is in no fragment."""
    card = CostCard(request.get_full_path())
    if error := form.percent_error:
        is_fragment = element_asked_for(request) == FRAGMENT
        return CostCard(card.url, problem=Message("", error)) if is_fragment else None
    if not group.is_editable:
        text = _("Poster has a type for this group that is not known here, so it cannot be edited here.")
        return CostCard(card.url, problem=Message(_("There is no figure for this group."), text))
    find = partial(find_sales, request.credentials, form.cleaned_data["days"])
    return cost_card(card, [(group.id, group.values, form.values())], find)


def columns_for(request: Request, filters: Filters) -> SalesColumns:
    """Return the columns of sales of the list, for users who may see them."""
    find = partial(find_sales_later, request.credentials)
    return sales_columns(find, offered=request.user.has_perm(RIGHT), shown=bool(filters.columns))


def card_of_command(request: Request, command: GroupCommand) -> CostCard | None:
    """Return the card for the page that asks for confirmation; it is filled in later if that takes long."""
    old, new = command.loaded, command.intended
    if command.group_id is None or not (old and new and _costs(request, old, new)):
        return None
    card = CostCard(cost_url(command.group_id, new, old=old))
    return cost_card(card, [(command.group_id, old, new)], partial(find_sales_quickly, request.credentials))


def card_of_plan(request: Request, job_url: str, lines: Sequence[Line]) -> CostCard | None:
    """Return the card of a plan: one sum for all groups that change."""
    edits = [
        (line.group_id, line.old, line.new)
        for line in lines
        if line.group_id is not None and line.old and _costs(request, line.old, line.new)
    ]
    if not edits:
        return None
    asked = element_asked_for(request) == FRAGMENT or FRAGMENT in request.GET
    quickly = partial(find_sales_quickly, request.credentials)
    find = partial(find_sales, request.credentials, MONTH) if asked else quickly
    return cost_card(CostCard(f"{job_url}?{FRAGMENT}=1"), edits, find)


def _costs(request: Request, old: GroupValues, new: GroupValues) -> bool:
    """Return True if the user may see what a change costs, and it may cost something."""
    given = ("percent", "loyalty_type", "birthday_bonus")
    changes = any(getattr(old, name) != getattr(new, name) for name in given)
    known = {int(old.loyalty_type), int(new.loyalty_type)} <= set(LoyaltyType)
    return changes and known and request.user.has_perm(RIGHT)
