"""Middleware for authentication: the trusted proxy, the second factor, and how long a session lasts."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth_middleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from structlog.contextvars import bind_contextvars

from poster_admin.common.client_ip import comes_from_proxy
from poster_admin.common.htmx import render_page
from poster_admin.common.pages import page_at
from poster_admin.users import language, security_log
from poster_admin.users.models import Event
from poster_admin.users.sign_in import browsers, two_factor
from poster_admin.users.sign_in.errors import DirectoryAway, HashingBusy, SlowedDown, TryLater

type GetResponse = Callable[[HttpRequest], HttpResponse]
# Views open to a user who has not passed the second factor yet, beside those that need no sign-in.
OPEN_BEFORE_SECOND_FACTOR = {"login_code", "logout", "second_factor_set", "confirm"}
# Views open to a user who needs a second factor and has none yet.
OPEN_TO_SET_UP_FACTOR = {"passkey_new", "passkey_new_options"}
# The page and the status of each error that asks to try again later.
TRY_LATER: dict[type[TryLater], tuple[str, int]] = {
    HashingBusy: ("registration/busy.html", 503),
    SlowedDown: ("registration/slowed.html", 429),
    DirectoryAway: ("registration/directory_away.html", 503),
}


def current_request(get_response: GetResponse) -> GetResponse:
    """Give the security log access to the request, wherever a line is written."""

    def middleware(request: HttpRequest) -> HttpResponse:
        reset = security_log.current_request.set(request)
        try:
            return get_response(request)
        finally:
            security_log.current_request.reset(reset)

    return middleware


def sign_in_cookies(get_response: GetResponse) -> GetResponse:
    """Set cookies after a sign-in: the user's language, and the mark of a known browser."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        language.remember(request, response)
        browsers.remember(request, response)
        return response

    return middleware


def admin_in_english(get_response: GetResponse) -> GetResponse:
    """Show Django's admin in English as a whole: Django's own Ukrainian has gaps."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return get_response(request)
        with translation.override("en"):
            response = get_response(request)
        response["Content-Language"] = "en"
        return response

    return middleware


def session_is_used(get_response: GetResponse) -> GetResponse:
    """Keep a session alive as long as it is used, and name its user in the log.

    The session engine ends sessions that are over.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            bind_contextvars(user=request.user.pk)
            request.session.was_used()  # type: ignore[attr-defined]  # our own engine
        return get_response(request)

    return middleware


class TrustedUserMiddleware(auth_middleware.RemoteUserMiddleware):
    """Sign in the user that the company's proxy names, if TRUSTED_USER_HEADER is set.

    Only the proxy may send the header. From any other sender it is a forgery, and the request ends.
    """

    def process_request(self, request: Any) -> None:
        if not settings.TRUSTED_USER_HEADER:
            return
        header = meta_name(settings.TRUSTED_USER_HEADER)
        if header.startswith("HTTP_") and header in request.META and not comes_from_proxy(request):
            security_log.record(Event.REFUSED, request=request, name=request.META[header], detail="header")
            raise PermissionDenied
        super().process_request(request)

    def get_username(self, request: Any) -> str:
        return str(request.META[meta_name(settings.TRUSTED_USER_HEADER)])


def meta_name(header: str) -> str:
    """Return the key of a header in META. REMOTE_USER is no header: only the server itself can set it."""
    return header if header == "REMOTE_USER" else f"HTTP_{header.upper().replace('-', '_')}"


def second_factor(get_response: GetResponse) -> GetResponse:
    """Redirect users who still have to enter or to set up the second factor to the page for that."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if not request.user.is_authenticated or match is None or match.view_name in OPEN_BEFORE_SECOND_FACTOR:
            return None
        page = two_factor.page_that_is_due(request)
        if not page or not getattr(view, "login_required", True):
            return None
        if page == "second_factor_set" and match.view_name in OPEN_TO_SET_UP_FACTOR:
            return None
        return redirect_to_login(page_at(request.get_full_path()), reverse(page))

    middleware.process_view = process_view  # type: ignore[attr-defined]  # as Django finds it
    return middleware


class TryLaterMiddleware:
    """Answer a sign-in that has to wait with a page, and with the seconds to wait."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TryLater):
            return None
        template, status = TRY_LATER[type(error)]
        context = {"seconds": error.seconds, "again": page_at(request.get_full_path())}
        response = render_page(request, template, context, status=status)
        response["Retry-After"] = str(error.seconds)
        return response
