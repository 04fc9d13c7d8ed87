"""Middleware for authentication: the second factor, and what a sign-in and a session bring along."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from structlog.contextvars import bind_contextvars

from poster_admin.common.pages import page_at, render_page
from poster_admin.users import security_log, two_factor
from poster_admin.users.limits import TryLater

type GetResponse = Callable[[HttpRequest], HttpResponse]
# Views open to a user who has not passed the second factor yet, besides those that need no sign-in.
OPEN_BEFORE_SECOND_FACTOR = {"login_code", "logout", "confirm"}
# Forms of the page of one's own sign-in that are open to a user who needs a second factor and has none yet.
OPEN_TO_SET_UP_FACTOR = {"app", "passkey"}


class SignInMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Keep a session that is used, name its user in the log, and set the cookie of a chosen language.

        Django's admin is in English as a whole: Django's own Ukrainian has gaps.
        """
        in_english = request.path_info.startswith("/admin/")
        reset = security_log.current_request.set(request)
        try:
            if request.user.is_authenticated:
                bind_contextvars(user=request.user.pk)
                request.session.was_used()  # type: ignore[attr-defined]  # our own engine
            with translation.override("en") if in_english else nullcontext():
                response = self.get_response(request)
        finally:
            security_log.current_request.reset(reset)
        if in_english:
            response["Content-Language"] = "en"
        if language := getattr(request, "chosen_language", None):
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                language,
                max_age=settings.LANGUAGE_COOKIE_AGE,
                secure=settings.LANGUAGE_COOKIE_SECURE,
                httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
                samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # the stubs say str of a setting
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """Redirect a user who still owes the second factor to its page."""
        match = request.resolver_match
        if not request.user.is_authenticated or match is None or match.view_name in OPEN_BEFORE_SECOND_FACTOR:
            return None
        page = two_factor.page_that_is_due(request)
        if not page or not getattr(view, "login_required", True):
            return None
        sets_up = match.view_name == "sessions" and request.GET.get("set") in OPEN_TO_SET_UP_FACTOR
        if not request.session.get(two_factor.DUE) and (sets_up or match.view_name == "passkey_new_options"):
            return None
        return redirect_to_login(page_at(request.get_full_path()), page)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TryLater):
            return None
        context = {"seconds": error.seconds, "again": page_at(request.get_full_path())}
        response = render_page(request, error.template, context, status=error.status)
        response["Retry-After"] = str(error.seconds)
        return response
