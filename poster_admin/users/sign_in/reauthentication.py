"""Ask for the password again before a sensitive step, in case the user has left the PC unlocked."""

import time
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

# Key in the session: when the user last signed in or typed the password again.
CONFIRMED_AT = "confirmed_at"
# Key in the session: whether the password is asked for instead of doing what a form was sent for.
FORM_WAITS = "form_waits"

CONFIRMATION_LIFE = timedelta(minutes=15)


def note_confirmation(request: HttpRequest) -> None:
    """Record that the user has just proved who they are."""
    request.session[CONFIRMED_AT] = time.time()
    request.session.pop(FORM_WAITS, None)


def forget_confirmation(request: HttpRequest) -> None:
    """Record that the user has not proved anything at this sign-in."""
    request.session.pop(CONFIRMED_AT, None)


def recently_confirmed(request: HttpRequest) -> bool:
    """Return True if the user signed in or typed the password in the last 15 minutes."""
    confirmed_at: float = request.session.get(CONFIRMED_AT, 0)
    return time.time() - confirmed_at < CONFIRMATION_LIFE.total_seconds()


def ask_to_confirm(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """Redirect the user to the page that asks for the password, and from there back to this page.

    That page says that a form which was sent has done nothing yet.
    """
    request.session[FORM_WAITS] = request.method == "POST"
    return redirect(f"{reverse('confirm')}?{urlencode({'next': back or request.path})}")
