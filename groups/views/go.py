"""View of the places to go to, for the keyboard: Ctrl K."""

from contextlib import suppress

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from groups.poster import Group, PosterError
from groups.presenters.destinations import destinations
from groups.presenters.lists.list_filters import asked_text
from groups.services import groups as reads
from groups.services import saved_views
from groups.views.http.requests import Request, requires
from poster_admin.common.htmx import render_page


@require_GET
@requires("view_group")
def go(request: Request) -> HttpResponse:
    """Show the groups, pages and actions that a text names."""
    text = asked_text(request.GET)
    views = saved_views.views_of(request.user)
    context = {"text": text, "found": destinations(text, _groups(request, text), views, request.user)}
    return render_page(request, "groups/go.html", context, fragment="found")


def _groups(request: Request, text: str) -> tuple[Group, ...]:
    """Return the groups to search; none while Poster does not answer: pages are found all the same."""
    with suppress(PosterError):
        return reads.list_groups(request.credentials).groups if text else ()
    return ()
