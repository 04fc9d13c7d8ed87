"""Recognise browsers of earlier sign-ins by a signed cookie that does not reveal the user."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from poster_admin.users.identities import has_password

SALT = "users.browsers"
MOST_USERS = 10


def begin(request: Any, user: User) -> None:
    """Record that the user typed the password in this browser; the response sets its cookie."""
    if not has_password(user):
        return
    browser, marks = _read(request)
    browser = browser or secrets.token_urlsafe(16)
    mark = _mark(browser, user)
    request.known_browser = [browser, [mark, *(each for each in marks if each != mark)][:MOST_USERS]]


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie if this request was a sign-in."""
    value = getattr(request, "known_browser", None)
    if value is None:
        return
    response.set_cookie(
        settings.BROWSER_COOKIE_NAME,
        signing.dumps(value, salt=SALT),
        max_age=settings.BROWSER_COOKIE_AGE,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def known(request: HttpRequest, name: str) -> str:
    """Return the id of the browser if this user has signed in with it before, else an empty string."""
    browser, marks = _read(request)
    user = User.objects.filter(username=name).first() if browser else None
    if user is None:
        return ""
    mark = _mark(browser, user)
    return browser if any(constant_time_compare(mark, each) for each in marks) else ""


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        browser, marks = signing.loads(
            request.COOKIES.get(settings.BROWSER_COOKIE_NAME, ""),
            salt=SALT,
            max_age=settings.BROWSER_COOKIE_AGE,
        )
    except signing.BadSignature:
        return "", []
    return browser, marks


def _mark(browser: str, user: User) -> str:
    """Return the value that stands for a user in this browser until the password changes."""
    of = f"{browser} {user.pk} {user.get_session_auth_hash()}"
    return salted_hmac(SALT, of, algorithm="sha256").hexdigest()[:32]
