"""Show what promotions, rules, sales and numbers of clients tell, in the places of the core's pages."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from groups.features.insights.presenters.cost import CARD, CostCard, cost_url
from groups.features.insights.presenters.count_line import draw_counts
from groups.features.insights.presenters.dependents_card import DependentsCard
from groups.features.insights.services.client_counts import counts_of
from groups.features.insights.services.dependents import Dependents, begin_dependents, dependents_of
from groups.features.insights.services.sales import MONTH, VIEW_SALES, Edit, SalesAdder, edit_of, may_cost
from groups.features.insights.services.sweep import find_sums, find_sums_quickly
from groups.poster import Group
from groups.services.groups import OneGroup
from groups.services.writes.commands import GroupCommand
from groups.views.http.requests import Request
from poster_admin.common.htmx import element_asked_for

type Variables = dict[str, Any] | None
type Take = Callable[[], Dependents]
WITH_THE_PAGE = 1.0
"""Seconds in which each list of dependents has to come to be on the page of a group from the beginning."""


def begin_of_group(request: Request, group_id: int) -> Take | None:
    """Begin to read the dependents beside the group itself, for its page.

    A request for the answer that replaces a copy leaves them to a fragment: Poster is slow then.
    """
    if request.htmx and "wait" in request.GET:
        return None
    return begin_dependents(request.credentials, group_id, within=WITH_THE_PAGE)


def dependents_of_group(_request: Request, one: OneGroup, take: Take | None) -> Variables:
    """Return the dependents for the page of a group, or None for dependents that it loads afterwards.

    A page that still waits for its group does not load them either.
    """
    card = DependentsCard(one.group.id, take) if take and not one.is_copy else None
    return {"dependents": None if card and card.is_late else card, "is_asked": one.is_asked}


def dependents_later(_request: Request, group: Group) -> Variables:
    """Have a form of a group load the dependents after it."""
    return {"group": group}


def begin_of_leaving(request: Request, group_id: int) -> Take:
    """Begin to read the dependents beside the group itself, for a page before it goes.

    A form that is sent reads them later: it shows the page again only if something is wrong with it.
    """
    if request.method == "POST":
        return partial(dependents_of, request.credentials, group_id)
    return begin_dependents(request.credentials, group_id, fresh=True)


def dependents_of_leaving(_request: Request, group_id: int, take: Take) -> Variables:
    """Return the dependents for a page before the group goes."""
    return {"dependents": DependentsCard(group_id, take, leaving=True)}


def doubts_of_removal(request: Request, group_id: int) -> Variables:
    """Return the dependents if there are any, or if that is not known: the removal is asked about then."""
    card = DependentsCard(group_id, begin_of_leaving(request, group_id), leaving=True)
    doubtful = card.unread or card.found.promotions.found or card.found.rules.found
    return {"dependents": card} if doubtful else None


def named_by_dependents(request: Request, group_id: int) -> Variables:
    """Return the promotions and the number of rules that name a group which is gone."""
    named = dependents_of(request.credentials, group_id)
    return {"promotions": named.promotions.found, "rules": len(named.ladder.into(group_id))}


def counts_of_group(request: Request, one: OneGroup) -> Variables:
    """Return the number of clients over time."""
    return {"counts": draw_counts(counts_of(request.credentials, one.group.id))}


# --- Cost --------------------------------------------------------------------------------------------------


def link_to_cost(request: Request, one: OneGroup) -> Variables:
    """Show the link to the cost of another percent, for users who may see sales."""
    return {"group": one.group} if one.group.is_editable and request.user.has_perm(VIEW_SALES) else None


def cost_of_typed(request: Request, group: Group, command: GroupCommand | None) -> Variables:
    """Show the place for the cost of what is typed, unless the page has the cost of its command already."""
    if not request.user.has_perm(VIEW_SALES) or (command and edit_of(request.user, command)):
        return None
    return {"group": group, "at_once": "percent" in request.GET}


def cost_of_command(request: Request, command: GroupCommand) -> Variables:
    """Return the card of a command that may cost something; it is filled in later if that takes long."""
    edit = edit_of(request.user, command)
    if edit is None:
        return None
    card = CostCard(cost_url(*edit), edits=[edit])
    return {"cost": card.ask(partial(find_sums_quickly, SalesAdder(request.credentials, MONTH)))}


def cost_of_plan(request: Request, edits: Sequence[Edit]) -> Variables:
    """Return the card of a plan, one sum for all groups; its page is asked again for what takes long."""
    edits = [edit for edit in edits if may_cost(request.user, edit)]
    if not edits:
        return None
    asked = element_asked_for(request) == CARD or CARD in request.GET
    find = partial(find_sums if asked else find_sums_quickly, SalesAdder(request.credentials, MONTH))
    return {"cost": CostCard(f"{request.path}?{CARD}=1", edits=edits).ask(find), "of_plan": True}
