"""View of the places to go to, for the keyboard: Ctrl K."""

from contextlib import suppress

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_post_parameters

from groups.poster import Group, PosterError
from groups.presenters.destinations import destinations
from groups.presenters.lists.list_filters import asked_text
from groups.services import groups as reads
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import render_page


@sensitive_post_parameters("q")
@form_methods
@requires("view_group")
def go(request: Request) -> HttpResponse:
    """Show the groups, pages and actions that a text names.

    The text comes by POST alone: it may be a client's name, which stays out of addresses.
    """
    text = asked_text(request.POST)
    context = {"text": text, "found": destinations(text, _groups(request, text), request.user)}
    return render_page(request, "groups/list/go.html", context, fragment="found")


def _groups(request: Request, text: str) -> tuple[Group, ...]:
    """Return the groups to search; none while Poster does not answer: pages are found nevertheless."""
    with suppress(PosterError):
        return reads.list_groups(request.credentials).groups if text else ()
    return ()
