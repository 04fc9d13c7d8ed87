"""Views of what a percent costs, of what depends on a group, and of the loyalty scheme."""

from functools import partial

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups.features.insights.forms import CostForm
from groups.features.insights.presenters.cost import CARD, CostCard
from groups.features.insights.presenters.dependents_card import DependentsCard
from groups.features.insights.presenters.scheme_pages import (
    AuditPage,
    ChartPage,
    LadderPage,
    SchemePage,
    Turnover,
)
from groups.features.insights.presenters.sums import ShownSums
from groups.features.insights.services.dependents import begin_dependents
from groups.features.insights.services.member_sums import MemberAdder, Questions
from groups.features.insights.services.sales import MONTH, VIEW_SALES, SalesAdder
from groups.features.insights.services.scheme import read_scheme
from groups.features.insights.services.sweep import find_sums, is_small
from groups.poster import ErrorReason, Group, NotFound
from groups.presenters.messages import Message
from groups.services import groups as reads
from groups.views.http.requests import Request, requires
from groups.views.http.statuses import status_of
from poster_admin.common.htmx import element_asked_for, render_page


@require_safe
@requires("view_group", "view_sales")
def group_cost(request: Request, group_id: int) -> HttpResponse:
    """Show what a percent of a group costs."""
    group = reads.list_groups(request.credentials).find(group_id)
    if group is None:
        raise NotFound(None, reason=ErrorReason.GONE)
    form = CostForm(request.GET, group=group)
    card = _card_of_form(request, form, group)
    status = 422 if form.percent_error else status_of(card.failure) if card and card.failure else 200
    context = {"group": group, "form": form, "cost": card}
    return render_page(request, "insights/cost.html", context, fragment=CARD, status=status)


def _card_of_form(request: Request, form: CostForm, group: Group) -> CostCard | None:
    """Return the card; None where the page has the error beside the field, which is in no fragment."""
    url = request.get_full_path()
    if error := form.percent_error:
        is_fragment = element_asked_for(request) == CARD
        return CostCard(url, problem=Message("", error)) if is_fragment else None
    if not group.is_editable:
        text = _("Poster has a type for this group that is not known here, so it cannot be edited here.")
        return CostCard(url, problem=Message(_("There is no figure for this group."), text))
    card = CostCard(url, edits=[(group.id, group.values, form.values())])
    return card.ask(partial(find_sums, SalesAdder(request.credentials, form.cleaned_data["days"])))


@require_safe
@requires("view_group")
def group_dependents(request: Request, group_id: int) -> HttpResponse:
    """Show the promotions and rules that name a group; its page and its form load them as a fragment."""
    take = begin_dependents(request.credentials, group_id)
    context: dict[str, object] = {"dependents": DependentsCard(group_id, take)}
    if element_asked_for(request) != "dependents":
        context["group"] = reads.read_group(request.credentials, group_id).group
    return render_page(request, "insights/dependents_page.html", context, fragment="dependents")


@require_safe
@requires("view_group")
def ladder(request: Request) -> HttpResponse:
    """Show the groups in the order of the rules that lead to them."""
    return _show(request, LadderPage, "insights/ladder.html")


@require_safe
@requires("view_group")
def audit(request: Request) -> HttpResponse:
    """Show own percents of clients that win or lose against their group's, and groups that look wrong."""
    return _show(request, AuditPage, "insights/audit.html")


@require_safe
@requires("view_group")
def chart(request: Request) -> HttpResponse:
    """Show the whole scheme as a picture, with its numbers beside it."""
    scheme = read_scheme(request.credentials, fresh="refresh" in request.GET)
    turnover = None
    if request.user.has_perm(VIEW_SALES) and not scheme.groups.failure:
        adder = SalesAdder(request.credentials, MONTH)
        turnover = Turnover("?turnover=1", adder.kept())
        # The page is shown first, and asks for the turnover then.
        if not turnover.sums and (element_asked_for(request) == "figures" or "turnover" in request.GET):
            turnover = turnover.ask(partial(find_sums, adder))
    page = ChartPage(scheme, turnover, request.user.has_perm)
    return render_page(request, "insights/scheme.html", {"page": page}, fragment="figures")


def _show(request: Request, page: type[SchemePage], template: str) -> HttpResponse:
    scheme = read_scheme(request.credentials, fresh="refresh" in request.GET)
    count = None
    # The clients of the last good copy of the groups are not counted.
    if not scheme.groups.failure:
        adder = MemberAdder(request.credentials, Questions.of_scheme(scheme))
        if "refresh" in request.GET:
            adder.forget()
        count = ShownSums(f"{request.path}?read=1", adder.kept())
        # The page of a large account is shown first, and asks for the count then.
        asked = element_asked_for(request) == "figures" or "read" in request.GET
        if not count.sums and (asked or is_small(request.credentials)):
            count = count.ask(partial(find_sums, adder))
    context = {"page": page(scheme, count, request.user.has_perm)}
    return render_page(request, template, context, fragment="figures")
