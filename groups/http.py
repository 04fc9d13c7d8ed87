"""The edge between Django and the views: typed requests, page or fragment, who may pass."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django.views.defaults import server_error as django_server_error
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from groups.deadlines import is_past
from groups.models import Change, Connection
from groups.outages import is_outage, optional
from groups.services import history
from groups.words import DEFAULT_CURRENCY, currency

form_methods = require_http_methods(["GET", "HEAD", "POST"])
# In the session: when its owner last showed who they are, by a sign-in or by the password once more.
CONFIRMED_AT = "confirmed_at"
CONFIRMATION_LIFE = timedelta(minutes=15)
# Which page of the menu an address belongs to, by its first part.
SECTIONS = {"groups": "groups", "history": "history", "jobs": "history", "account": "account"}


class Request(HttpRequest):
    """A request of a signed-in user; `connection` is there in views that need one.

    `failure` is there where Poster has already failed this very request.
    """

    user: User
    htmx: HtmxDetails
    connection: Connection


type View[**P] = Callable[Concatenate[Request, P], HttpResponse]


def needs[**P](*permissions: str, connected: bool = True) -> Callable[[View[P]], View[P]]:
    """Let only users with the rights pass; those without a connection to Poster are led to make one."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.has_perms([f"groups.{permission}" for permission in permissions]):
                raise PermissionDenied
            connection = _connection(request.user) if connected else None
            if connected and connection is None:
                return redirect("groups:account")
            if connection is not None:
                request.connection = connection
                currency.set(connection.account.currency)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def htmx_of(request: HttpRequest) -> HtmxDetails:
    """Return what HTMX tells of a request."""
    details: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by django-htmx
    return details


def wants_page(request: HttpRequest) -> bool:
    """Return True for a whole page: without HTMX, and where HTMX restores a page of its history."""
    htmx = htmx_of(request)
    return not htmx or htmx.history_restore_request


def element_asked_for(request: HttpRequest) -> str:
    """Return the id of the element that HTMX replaces, or nothing where a whole page is wanted."""
    return "" if wants_page(request) else htmx_of(request).target or ""


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """Render a page, or its fragment where HTMX asks for the element of that name.

    The view names the fragment; a request only says which element it wants to replace. The template hears
    which one it is by `fragment`: a page has its title in its head, a fragment brings one along.
    """
    if fragment and element_asked_for(request) == fragment:
        template = f"{template}#{fragment}"
    return render(request, template, {**context, "fragment": template.partition("#")[2]}, status=status)


def body_length(request: HttpRequest) -> int:
    """Return how long the body is by its header; 0 where that is malformed, as Django reads it."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def note_confirmation(request: HttpRequest) -> None:
    """Note that the user has just shown who they are."""
    request.session[CONFIRMED_AT] = time.time()


def recently_confirmed(request: HttpRequest) -> bool:
    """Say whether the user has signed in or typed the password in the last 15 minutes."""
    confirmed_at: float = request.session.get(CONFIRMED_AT, 0)
    return not is_past(datetime.fromtimestamp(confirmed_at, UTC), age=CONFIRMATION_LIFE)


def ask_to_confirm(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """Send the user to where the password is asked for again, and then back to this page."""
    return redirect(f"{reverse('confirm')}?{urlencode({'next': back or request.path})}")


def is_ours(request: HttpRequest, url: str) -> bool:
    """Say whether an address, whoever named it, leads to a page of this site."""
    return url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def page_behind(request: HttpRequest) -> str:
    """Return the page on which HTMX, or a form, sent the request; nothing where that is no page of ours."""
    htmx = htmx_of(request)
    try:
        page = (htmx.current_url_abs_path or "") if htmx else _path_of_referer(request)
    except ValueError:  # no address at all
        return ""
    return page if is_ours(request, page) else ""


def _path_of_referer(request: HttpRequest) -> str:
    referer = urlsplit(request.headers.get("Referer", ""))
    if (referer.scheme, referer.netloc) != (request.scheme, request.get_host()):
        return ""
    return urlunsplit(("", "", referer.path, referer.query, ""))


def client_redirect(url: str) -> HttpResponse:
    """Send the browser of an HTMX request to another page."""
    return HttpResponseClientRedirect(url)


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Give every page its section, its user's mark and connection, what is unsettled, and the currency."""
    user = getattr(request, "user", None)
    known = getattr(request, "connection", None)
    section = SECTIONS.get(request.path_info.strip("/").partition("/")[0], "")
    connection = SimpleLazyObject(
        lambda: known or (_connection(user) if user is not None and user.is_authenticated else None)
    )
    return {
        "user_mark": lambda: mark_of(user),
        "section": section,
        "current": "page" if request.path_info == f"/{section}/" else "true",
        "connection": connection,
        "unsettled": SimpleLazyObject(lambda: unsettled_of(connection)),
        "currency": SimpleLazyObject(lambda: connection.account.currency if connection else DEFAULT_CURRENCY),
    }


def mark_of(user: Any) -> str:
    """Return a mark by which a browser tells one user from another, and nothing else of them."""
    if user is None or not user.is_authenticated:
        return ""
    return salted_hmac("groups.http.mark_of", str(user.pk), algorithm="sha256").hexdigest()[:16]


def _connection(user: Any) -> Connection | None:
    """Return the connection that was read along with the user."""
    return getattr(user, "connection", None)


def unsettled_of(connection: Any) -> list[Change]:
    """Return the changes of which every page tells."""
    if not connection or connection.refused_at:
        return []
    with optional("what is unsettled"):
        return [change for change in history.unsettled(connection) if change.state != Change.State.PENDING]
    return []


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that nobody has caught: 503 where our database, cache or disk is away, else 500."""
    error = sys.exception()
    if error is not None and is_outage(error):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "10"})
    return django_server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token; a tab that was left open is loaded anew."""
    response = render(request, "403_csrf.html", {"reason": reason}, status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response
