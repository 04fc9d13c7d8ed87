"""Views that lead somewhere: the start page, "Go to" for the keyboard (Ctrl K), and the settings."""

import re
from collections.abc import Callable, Sequence

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from groups.poster import Group, PosterError
from groups.presenters.destinations import destinations
from groups.presenters.lists.list_filters import ids_param, text_param
from groups.presenters.settings_pages import by_section, settings_pages, without_parts
from groups.services import groups as reads
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import page_behind, render_page
from poster_admin.common.serving.threaded import reads_only

type StartQuery = Callable[[User], str]

start_queries: list[StartQuery] = []
"""Each returns the query string of the list that a user begins with; empty for no choice."""


def home(request: HttpRequest) -> HttpResponse:
    query = ""
    if request.user.is_authenticated:
        query = next(filter(None, (start_query(request.user) for start_query in start_queries)), "")
    return redirect(reverse("groups:list") + query)


@sensitive_post_parameters("q")
@form_methods
@requires("view_group")
def go(request: Request) -> HttpResponse:
    """Show the groups, pages and actions that a text names.

    The text comes by POST alone: it may be a client's name, which stays out of addresses.
    """
    reads_only(request)
    text = text_param(request.POST)
    groups: Sequence[Group] = ()
    unread = False
    try:
        groups = reads.list_groups(request.credentials, patience=reads.PATIENCE).groups if text else ()
    except PosterError:
        unread = True  # pages are found while Poster does not answer, too
    # The page on which the text was typed may be that of a group.
    at = re.match(f"{reverse('groups:list')}([0-9]+)/", page_behind(request))
    here = next((group for group in groups if at and group.id == int(at[1])), None)
    chosen = ids_param(request.POST if request.method == "POST" else request.GET)
    found = destinations(text, groups, request.user, here=here, chosen=chosen)
    context = {"text": text, "found": found, "unread": unread}
    return render_page(request, "groups/list/go.html", context, fragment="found")


@require_safe
def settings(request: Request) -> HttpResponse:
    text = text_param(request.GET)
    found = settings_pages(request.user, text)
    if not text:
        found = without_parts(found)
    context = {"text": text, "found": found, "sections": by_section(found)}
    return render_page(request, "groups/settings/settings.html", context, fragment="found")
