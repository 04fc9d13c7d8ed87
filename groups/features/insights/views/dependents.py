"""View the promotions and rules that name a group."""

from collections.abc import Callable
from functools import partial

from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.insights.services.scheme import Dependents, begin_dependents, dependents_of
from groups.features.insights.views.cost import Variables
from groups.poster import Unreachable
from groups.services import groups as reads
from groups.services.groups import OneGroup
from groups.services.messages import error_words
from groups.services.values import NumberFormat
from groups.views.http import Request, requires
from poster_admin.common.pages import htmx_target, render_page

type Take = Callable[[], Dependents]
WITH_THE_PAGE = 1.0
"""Seconds in which each list of dependents has to come to be on the page of a group from the beginning."""


@require_safe
@requires("view_group")
def group_dependents(request: Request, group_id: int) -> HttpResponse:
    """Show the promotions and rules that name a group; its page and its form load them as a fragment."""
    take = begin_dependents(request.credentials, group_id)
    context: Variables = {}
    if htmx_target(request) != "dependents":
        context["group"] = reads.read_group(request.credentials, group_id).group
    context["dependents"] = _card(group_id, take())
    return render_page(request, "insights/dependents_page.html", context, fragment="dependents")


def _card(group_id: int, found: Dependents, *, leaving: bool = False) -> Variables:
    """Return the dependents of a group for its card; `leaving` on pages that lead to its removal."""
    numbers, lists = NumberFormat.current(), (found.promotions, found.rules)
    return {
        "group_id": group_id,
        "leaving": leaving,
        "promotions": found.promotions,
        "rules": found.rules,
        "steps": [
            (rule, found.ladder.group_of(rule), numbers.round_money(rule.value)) for rule in found.rules.found
        ],
        "is_empty": not any(each.found or each.is_unread or each.unreadable for each in lists),
        "is_unread": any(each.is_unread for each in lists),
        "problems": [error_words(each.failure).title if each.failure else "" for each in lists],
    }


def begin_of_group(request: Request, group_id: int) -> Take | None:
    """Begin to read the dependents along with the group itself, for its page.

    A request for the answer that replaces a copy leaves them to a fragment: Poster is slow then.
    """
    if request.htmx and "wait" in request.GET:
        return None
    return begin_dependents(request.credentials, group_id, within=WITH_THE_PAGE)


@hooks.part("group.cards", "insights/dependents_of_group.html", begin=begin_of_group)
def dependents_of_group(_request: Request, one: OneGroup, take: Take | None) -> Variables:
    """Show the dependents on the page of a group; it loads those afterwards that did not come in time.

    A page that still waits for its group does not load them either.
    """
    card = None
    if take and not one.is_copy:
        found = take()
        failures = (found.promotions.failure, found.rules.failure)
        if not any(isinstance(failure, Unreachable) for failure in failures):
            card = _card(one.group.id, found)
    return {"dependents": card, "is_requested": one.is_awaited}


hooks.part("form.end", "insights/dependents_later.html")(lambda _request, group: {"group": group})


def begin_of_leaving(request: Request, group_id: int) -> Take:
    """Begin to read the dependents along with the group itself, for a page before it goes.

    A form that is sent reads them later: it shows the page again only if something is wrong with it.
    """
    if request.method == "POST":
        return partial(dependents_of, request.credentials, group_id)
    return begin_dependents(request.credentials, group_id, fresh=True)


@hooks.part("removal.cards", "insights/dependents.html", begin=begin_of_leaving)
def dependents_of_leaving(_request: Request, group_id: int, take: Take) -> Variables:
    """Show the dependents before the group goes: the page waits for them where it shows them."""
    return {"dependents": SimpleLazyObject(lambda: _card(group_id, take(), leaving=True))}


@hooks.part("removal.doubts", "insights/dependents.html")
def doubts_of_removal(request: Request, group_id: int) -> Variables | None:
    """Show the dependents if there are any, or if that is not known: the removal is confirmed then."""
    card = _card(group_id, begin_of_leaving(request, group_id)(), leaving=True)
    doubtful = card["is_unread"] or card["promotions"].found or card["rules"].found
    return {"dependents": card} if doubtful else None


@hooks.part("group.lost", "insights/named_by.html")
def named_by_dependents(request: Request, group_id: int) -> Variables:
    named = dependents_of(request.credentials, group_id)
    return {"promotions": named.promotions.found, "rules": len(named.ladder.into(group_id))}
