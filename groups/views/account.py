"""View of the user's own Poster account and credentials."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups.forms.groups import AccountForm
from groups.models import PosterAccount, PosterCredentials
from groups.poster import NotAllowed, PosterError, TokenRejected
from groups.presenters.messages import connect_error_words
from groups.services import credentials as credentials_service
from groups.services.gateway import check_token
from groups.views.http import Request, form_methods, requires, status_of
from poster_admin.common.htmx import render_page
from poster_admin.users.guardians import keep_session
from poster_admin.users.models import Guide
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed

type Connected = Callable[[Request, PosterCredentials], None]

connected_listeners: list[Connected] = []
"""Features that do something once a user has connected an account, as the form asks for."""


@sensitive_post_parameters("token")
@form_methods
@requires("view_group", connected=False)
def account(request: Request) -> HttpResponse:
    """Connect the user's own Poster account; nothing is saved unless Poster accepts the token for it."""
    known = credentials_service.credentials_of(request.user)
    confirmed = recently_confirmed(request) or known is None
    if request.method == "POST" and not confirmed:
        return ask_to_confirm(request)
    form = AccountForm(request.POST if request.method == "POST" else None)
    status = 422 if form.errors else 200
    if form.is_valid():
        password, roles = request.user.password, set(request.user.groups.all())
        try:
            credentials = credentials_service.connect(user=request.user, **form.cleaned_data)
        except PosterError as error:
            words = connect_error_words(error)
            refused = isinstance(error, TokenRejected | NotAllowed)
            form.add_error("token" if refused else None, f"{words.title}. {words.text}")
            status = 422 if refused else status_of(error)
        else:
            if known is None or known.account_id != credentials.account_id:
                # A form in another tab was opened on the account before, and must not be sent to this one.
                rotate_token(request)
            messages.success(request, _("Connected to %(account)s.") % {"account": credentials.account.title})
            for listener in connected_listeners:
                listener(request, credentials)
            if request.user.password == password:
                in_guide = Guide.objects.filter(user=request.user).exists()
                return redirect("groups:guide" if in_guide else "groups:list")
            # The ways in that somebody of another account may know have ended with the connection.
            keep_session(request, request.user)
            text = _(
                "Somebody of another account may know how to sign in as you. "
                "So your old password, e-mail address and second factor are no longer valid."
            )
            if set(request.user.groups.all()) != roles:
                # Another account has its own owners, and the role was given elsewhere.
                text += " " + _("Your role is Manager until an owner of this account gives you another one.")
            messages.warning(request, text)
            return redirect("password" if request.user.has_usable_password() else "groups:list")
    context = {"form": form, "confirmed": confirmed}
    return render_page(request, "groups/account/account.html", context, fragment="form", status=status)


@form_methods
@requires("view_group", connected=False)
def account_disconnect(request: Request) -> HttpResponse:
    """Delete the user's credentials; ask first, because Poster shows a token only once."""
    if credentials_service.credentials_of(request.user) is None:
        return redirect("groups:account")
    if not recently_confirmed(request):
        back = reverse("groups:account") if request.method == "POST" else ""
        return ask_to_confirm(request, back=back)
    if request.method != "POST":
        return render_page(request, "groups/account/disconnect.html", {})
    PosterCredentials.objects.filter(user=request.user).delete()  # and the last good copy
    messages.success(request, _("The token was forgotten."))
    return redirect("groups:account")


@require_POST
@requires("set_bonus_unit")
def account_bonus_unit(request: Request) -> HttpResponse:
    """Set the unit of the birthday bonus, and unblock bonuses."""
    check_token(request.credentials)
    unit = request.POST.get("bonus_unit", "")
    if unit in PosterAccount.BonusUnit:
        credentials_service.set_bonus_unit(request.credentials, unit)
        messages.success(request, _("The unit of the birthday bonus is set."))
    return redirect("groups:account")
