"""Ask for the password again before a step that nobody else may take at an open PC."""

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from poster_admin.common.deadlines import is_past

# In the session: when its owner last showed who they are, by a sign-in or by the password once more.
CONFIRMED_AT = "confirmed_at"

CONFIRMATION_LIFE = timedelta(minutes=15)


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
