"""Views of the installation: its state, as `manage.py doctor` tells it, its metrics, and its first steps."""

import os
from itertools import groupby
from operator import attrgetter

from django.conf import settings
from django.contrib.auth.decorators import login_not_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from groups.presenters.places import parts_of
from groups.services.installation.doctor import State, examine
from groups.services.metrics import of_database
from groups.views.http import Request, form_methods
from poster_admin.common.htmx import render_page
from poster_admin.users.accounts import seen_by
from poster_admin.users.models import Guide
from poster_admin.users.people import CHANGE_USER, NewPersonForm

WORSE = list(State)
"""The states, each worse than the one before."""


@require_safe
@permission_required(CHANGE_USER, raise_exception=True)
def installation_state(request: Request) -> HttpResponse:
    """Show each part of the installation with its state; nothing of another account but to Administrators."""
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
@permission_required(CHANGE_USER, raise_exception=True)
def guide(request: Request) -> HttpResponse:
    """Show the first steps; by POST the one who has set the dashboard up leaves them for good."""
    own = Guide.objects.filter(user=request.user)
    if request.method == "POST":
        own.delete()
        return redirect("home")
    credentials = getattr(request.user, "credentials", None)
    context = {
        "is_connected": credentials is not None and credentials.refused_at is None,
        "has_people": seen_by(request.user).exclude(pk=request.user.pk).exists(),
        "is_open": own.exists(),
        "roles": NewPersonForm(manager=request.user)["role"],
        "protection": parts_of("guide.protection", request),
    }
    return render_page(request, "groups/installation/guide.html", context)


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to a client with METRICS_TOKEN; without that setting the page does not exist."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library has no types here
    return HttpResponse(
        generate_latest(counted) + generate_latest(of_database()), content_type=CONTENT_TYPE_LATEST
    )
