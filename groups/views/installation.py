"""Views of the installation: its state, as `manage.py doctor` tells it, and the guide of the first steps."""

from itertools import groupby
from operator import attrgetter

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from groups.presenters.first_steps import first_steps
from groups.presenters.places import parts_of
from groups.services.installation.doctor import examine
from groups.services.installation.findings import State
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import render_page
from poster_admin.users.models import Guide
from poster_admin.users.pages.forms import NewPersonForm
from poster_admin.users.pages.people import CHANGE_USER

WORSE = list(State)
"""The states, each worse than the one before."""


@require_safe
@requires(connected=False)
def installation_state(request: Request) -> HttpResponse:
    """Show each part of the installation with its state; nothing of another account but to Administrators."""
    if not request.user.has_perm(CHANGE_USER):
        raise PermissionDenied
    credentials = getattr(request.user, "credentials", None)
    own = credentials.account_id if credentials else ""
    if not own and not request.user.is_superuser:
        return redirect("groups:account")
    found = examine("" if request.user.is_superuser else own)
    parts = [
        {
            "name": part,
            "label": gettext(part),
            "lines": lines,
            "state": max((line.state for line in lines), key=WORSE.index),
        }
        for part, group in groupby(found, key=attrgetter("part"))
        if (lines := list(group))
    ]
    bad = [part for part in parts if part["state"] != State.GOOD]
    return render_page(request, "groups/installation/state.html", {"parts": parts, "bad": bad})


@form_methods
@requires(connected=False)
def guide(request: Request) -> HttpResponse:
    """Show the first steps; by POST the one who has set the dashboard up leaves them for good."""
    if not request.user.has_perm(CHANGE_USER):
        raise PermissionDenied
    own = Guide.objects.filter(user=request.user)
    if request.method == "POST":
        own.delete()
        return redirect("home")
    steps = first_steps(request.user)
    next_step = next((step for step in steps if not step.is_done), None)
    context = {
        "steps": steps,
        "next": next_step,
        "is_open": own.exists(),
        "roles": NewPersonForm(manager=request.user)["role"],
        "protection": parts_of("guide.protection", request),
    }
    return render_page(request, "groups/installation/guide.html", context)
