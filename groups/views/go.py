"""View of the places to go to, for the keyboard: Ctrl K."""

import re
from contextlib import suppress

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from groups.poster import Group, PosterError
from groups.presenters.destinations import destinations
from groups.presenters.lists.list_filters import asked_text
from groups.services import groups as reads
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import page_behind, render_page


@sensitive_post_parameters("q")
@form_methods
@requires("view_group")
def go(request: Request) -> HttpResponse:
    """Show the groups, pages and actions that a text names.

    The text comes by POST alone: it may be a client's name, which stays out of addresses.
    """
    text = asked_text(request.POST)
    groups = _groups(request, text)
    found = destinations(text, groups, request.user, _group_behind(request, groups))
    context = {"text": text, "found": found}
    return render_page(request, "groups/list/go.html", context, fragment="found")


def _groups(request: Request, text: str) -> tuple[Group, ...]:
    """Return the groups to search; none while Poster does not answer: pages are found nevertheless."""
    with suppress(PosterError):
        return reads.list_groups(request.credentials).groups if text else ()
    return ()


def _group_behind(request: Request, groups: tuple[Group, ...]) -> Group | None:
    """Return the group whose page the text was typed on, or None."""
    at = re.match(f"{reverse('groups:list')}([0-9]+)/", page_behind(request))
    return next((group for group in groups if at and group.id == int(at[1])), None)
