"""Share pages between the views of a user's own sign-in and those of passkeys."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from poster_admin.common.pages import is_ours, render_form
from poster_admin.users import sessions, two_factor
from poster_admin.users.models import RecoveryCode, passkeys_of


class UserRequest(HttpRequest):
    """A request of a signed-in user."""

    user: User


def next_page(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if is_ours(request, wanted) else resolve_url(settings.LOGIN_REDIRECT_URL)


def show_sign_in(request: UserRequest, form: forms.Form, **context: Any) -> HttpResponse:
    """Show the page of a user's own sign-in, with a form in the card that `set` in the address opens."""
    return render_form(
        request,
        "users/sessions.html",
        form,
        opened=request.GET.get("set", ""),
        factor_is_due=bool(two_factor.page_that_is_due(request)),
        sessions=sessions.sessions_of(request.user),
        this_session=request.session.session_key,
        authenticator=two_factor.authenticator_of(request.user),
        passkeys=passkeys_of(request.user),
        codes_left=RecoveryCode.objects.filter(user=request.user).count(),
        **context,
    )
