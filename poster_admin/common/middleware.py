"""Middleware for every response: its request id, security headers, and redirects for HTMX."""

import time
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from poster_admin.common.htmx import (
    client_redirect,
    page_behind,
    wants_page,
)
from poster_admin.common.logs import REQUEST_ID, request_id
from poster_admin.common.server_timing import PosterTime, poster_time

RETRY_AFTER = "10"
"""Seconds to wait where the response sets no time itself: most calls are done by then."""

type GetResponse = Callable[[HttpRequest], HttpResponse]
# Addresses that accept a form and show no page: the page is the one above them.
WITHOUT_PAGE = {"undo", "bonus_unit", "second_factor_remove", "recovery_codes"}


def request_id_and_timing(get_response: GetResponse) -> GetResponse:
    """Give each response its timings and an id, for the logs and for users who report an error."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        name, spent = str(uuid.uuid4()), PosterTime()
        request.META[REQUEST_ID] = name  # Django logs the response after all middleware.
        reset_id, reset_time = request_id.set(name), poster_time.set(spent)
        try:
            response = get_response(request)
        finally:
            request_id.reset(reset_id)
            poster_time.reset(reset_time)
        response["X-Request-ID"] = name
        if spent.calls:
            total = time.perf_counter() - started
            response["Server-Timing"] = (
                f"poster;dur={spent.seconds * 1000:.1f}, app;dur={(total - spent.seconds) * 1000:.1f}"
            )
        return response

    return middleware


def security_headers(get_response: GetResponse) -> GetResponse:
    """Set the security headers that all pages share."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ("HX-Request", "HX-Target", "HX-History-Restore-Request"))
        add_never_cache_headers(response)
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if response.status_code == 503:
            response.headers.setdefault("Retry-After", RETRY_AFTER)
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
            if ended and _has_form(request):
                response["Location"] = _way_back_in(request)
            return response
        answer = client_redirect(_way_back_in(request) if ended else response["Location"])
        answer.status_code = 401 if ended else 200
        return _keep_cookies(answer, response)

    return middleware


def _way_back_in(request: HttpRequest) -> str:
    """Return the address of the sign-in, with the page to return to, and whether a form was lost."""
    back = page_behind(request)
    if not back:
        back = request.get_full_path() if wants_page(request) else resolve_url(settings.LOGIN_REDIRECT_URL)
    path = back.partition("?")[0]
    if _name_of(path) in WITHOUT_PAGE:
        back = f"{path.rstrip('/').rpartition('/')[0]}/"
    lost = {"unsaved": 1} if _has_form(request) else {}
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back, **lost})}"


def _name_of(path: str) -> str:
    try:
        return resolve(path).url_name or ""
    except Resolver404:
        return ""


def _has_form(request: HttpRequest) -> bool:
    return request.method == "POST" and bool(request.POST or request.FILES)


def _keep_cookies(new: HttpResponse, old: HttpResponse) -> HttpResponse:
    new.cookies = old.cookies
    return new
