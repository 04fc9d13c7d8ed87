"""Middleware for every response: request id, security headers, redirects for HTMX; pages of errors."""

import logging
import re
import sys
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.encoding import escape_uri_path
from django_htmx.http import HttpResponseClientRedirect
from structlog.contextvars import bind_contextvars, clear_contextvars

from poster_admin.common.client_ip import comes_from_proxy
from poster_admin.common.logs import REQUEST_ID, mask
from poster_admin.common.monitoring import PosterTime, poster_time
from poster_admin.common.outages import is_outage
from poster_admin.common.pages import has_page, page_at, referring_page, wants_page

access = logging.getLogger("poster_admin.access")

# As long as the column of the security log; a longer one is made by somebody who tries something.
REQUEST_ID_SHAPE = re.compile(r"[A-Za-z0-9._-]{8,36}", re.ASCII)
# Programs request this every few seconds: only answers other than 200 are worth a line.
PROBES = frozenset(("/healthz", "/healthz/", "/readyz"))

type GetResponse = Callable[[HttpRequest], HttpResponse]


def request_id_and_timing(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        spent = PosterTime()
        # An id of 32 hexadecimal digits without dashes would be masked as a token.
        given = request.headers.get("X-Request-ID", "")
        is_fit = REQUEST_ID_SHAPE.fullmatch(given) and comes_from_proxy(request) and mask(given) == given
        name = given if is_fit else str(uuid.uuid4())
        request.META[REQUEST_ID] = name  # Django logs the response after all middleware.
        reset_time = poster_time.set(spent)
        clear_contextvars()
        bind_contextvars(request_id=name)
        try:
            response = get_response(request)
            total = time.perf_counter() - started
            if request.path not in PROBES or response.status_code != 200:
                # Without the query string: people type names and phone numbers into it.
                path, status = escape_uri_path(request.path)[:200], response.status_code
                access.info("%s %s %d %.0f ms", request.method, path, status, total * 1000)
        finally:
            clear_contextvars()
            poster_time.reset(reset_time)
        # A first visit fetches a score of files that are kept for good: their ids would be a kilobyte of it.
        if "immutable" not in response.get("Cache-Control", ""):
            response["X-Request-ID"] = name
        if spent.calls:
            response["Server-Timing"] = (
                f"poster;dur={spent.seconds * 1000:.1f}, app;dur={(total - spent.seconds) * 1000:.1f}"
            )
        return response

    return middleware


def security_headers(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ("HX-Request", "HX-Target", "HX-History-Restore-Request"))
        add_never_cache_headers(response)
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if response.status_code == 503:
            response.headers.setdefault("Retry-After", "10")  # seconds: most calls are done by then
        return response

    return middleware


def htmx_edge(get_response: GetResponse) -> GetResponse:
    """Turn redirects into HTMX's own, and an ended session into a redirect to the sign-in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != 302:
            return response
        ended = response["Location"].startswith(f"{resolve_url(settings.LOGIN_URL)}?")
        if wants_page(request):
            # After the sign-in a file would be saved and the sign-in would stay, so lead back to the link.
            if ended and (_has_form(request) or (not has_page(request.path) and referring_page(request))):
                response["Location"] = _sign_in_url(request)
            return response
        answer = HttpResponseClientRedirect(_sign_in_url(request) if ended else response["Location"])
        answer.status_code = 401 if ended else 200
        answer.cookies = response.cookies
        return answer

    return middleware


def _sign_in_url(request: HttpRequest) -> str:
    """Return the address of the sign-in, with the page to return to, and whether a form was lost."""
    back = referring_page(request)
    # The address of a form may say more than that of its page, which may have answered another form.
    if wants_page(request) and (not back or (request.GET and urlsplit(back).path == request.path)):
        back = request.get_full_path()
    back = back or resolve_url(settings.LOGIN_REDIRECT_URL)
    lost = {"unsaved": 1} if _has_form(request) else {}
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': page_at(back), **lost})}"


def _has_form(request: HttpRequest) -> bool:
    return request.method == "POST" and bool(request.POST or request.FILES)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unhandled error: 503 if the database, the cache or the disk is away, else 500."""
    # No context processor, which could fail too.
    context, error = {"request": request}, sys.exception()
    if error is not None and is_outage(error):
        return HttpResponse(render_to_string("503.html", context), status=503, headers={"Retry-After": "10"})
    return HttpResponseServerError(render_to_string("500.html", context))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token; reload a page that was left open for too long."""
    response = render(request, "403_csrf.html", {"reason": reason}, status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response


def page_for_405(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 405 and request.method in {"GET", "HEAD"}:
            response.content = render_to_string("405.html", request=request)
        return response

    return middleware
