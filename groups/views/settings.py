"""Views of the settings: the user's Poster account, the installation; the start page and "Go to" (Ctrl K)."""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from groups.forms import AccountForm
from groups.models import PosterAccount, PosterCredentials
from groups.poster import ErrorReason, Group, NotAllowed, PosterError, TokenRejected
from groups.presenters.destinations import destinations
from groups.presenters.lists import text_param
from groups.presenters.places import parts_of
from groups.presenters.settings_pages import by_section, settings_pages, without_parts
from groups.services import credentials as credentials_service
from groups.services import groups as reads
from groups.services.facts import UNKNOWN, facts_of
from groups.services.gateway import check_token
from groups.services.installation.doctor import Level, examine
from groups.services.messages import Message, error_words, status_of
from groups.views.http import Request, form_methods, requires
from poster_admin.common.pages import render_page
from poster_admin.common.threaded import reads_only
from poster_admin.users.accounts import seen_by
from poster_admin.users.guardians import keep_session
from poster_admin.users.models import Guide
from poster_admin.users.people import CHANGE_USER, NewPersonForm
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed

start_queries: list[Callable[[User], str]] = []
"""Each returns the query string of the list that a user begins with; empty for no choice."""
connected_listeners: list[Callable[[Request, PosterCredentials], str | None]] = []
"""Features that do something once a user has connected an account; each may return a page to follow."""


def home(request: HttpRequest) -> HttpResponse:
    query = ""
    if request.user.is_authenticated:
        query = next(filter(None, (start_query(request.user) for start_query in start_queries)), "")
    return redirect(reverse("groups:list") + query)


@sensitive_post_parameters("q")
@form_methods
@requires("view_group")
def go(request: Request) -> HttpResponse:
    """Show the groups, pages and actions that a text names.

    The text comes by POST alone: it may be a client's name, which stays out of addresses.
    """
    reads_only(request)
    text = text_param(request.POST)
    groups: Sequence[Group] = ()
    unread = False
    try:
        groups = reads.list_groups(request.credentials, max_wait=reads.MAX_WAIT).groups if text else ()
    except PosterError:
        unread = True  # pages are found while Poster does not answer, too
    context = {"text": text, "found": destinations(text, groups, request.user), "unread": unread}
    return render_page(request, "groups/list/go.html", context, fragment="found")


@require_safe
def settings_page(request: Request) -> HttpResponse:
    text = text_param(request.GET)
    found = settings_pages(request.user, text)
    if not text:
        found = without_parts(found)
    context: dict[str, Any] = {"text": text, "found": found, "sections": by_section(found)}
    if not text and request.user.has_perm(CHANGE_USER):
        credentials = getattr(request.user, "credentials", None)
        context["guide"] = {
            "is_connected": credentials is not None and credentials.refused_at is None,
            "has_people": seen_by(request.user).exclude(pk=request.user.pk).exists(),
            "is_open": Guide.objects.filter(user=request.user).exists(),
            "roles": NewPersonForm(manager=request.user)["role"],
            "protection": parts_of("guide.protection", request),
        }
    return render_page(request, "groups/settings/settings.html", context, fragment="found")


# --- The account of the user --------------------------------------------------------------------------------


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
            words, refused = error_words(error), isinstance(error, TokenRejected | NotAllowed)
            if isinstance(error, TokenRejected) and error.reason != ErrorReason.OTHER_ACCOUNT:
                words = Message(  # the token that was typed may be a new one
                    _("Poster does not accept this token"),
                    _("It may be incomplete, of another account, withdrawn or expired."),
                )
            form.add_error("token" if refused else None, f"{words.title}. {words.text}")
            status = 422 if refused else status_of(error)
        else:
            if known is None or known.account_id != credentials.account_id:
                # A form in another tab was opened on the account before, and must not be sent to this one.
                rotate_token(request)
            messages.success(request, _("Connected to %(account)s.") % {"account": credentials.account.title})
            followed = [listener(request, credentials) for listener in connected_listeners]
            if request.user.password == password:
                in_guide = Guide.objects.filter(user=request.user).exists()
                return redirect(
                    next(filter(None, followed), None) or ("settings" if in_guide else "groups:list")
                )
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
            change_it = reverse("sessions", query={"set": "password"})
            return redirect(change_it if request.user.has_usable_password() else "groups:list")
    unit = facts_of(known).value("birthday_bonus.unit") if known else UNKNOWN
    context = {"form": form, "confirmed": confirmed, "is_unit_seen": unit != UNKNOWN}
    return render_page(request, "groups/account/account.html", context, fragment="form", status=status)


@form_methods
@requires("view_group", connected=False)
def account_disconnect(request: Request) -> HttpResponse:
    """Delete the user's credentials; ask first, because Poster shows a token only once."""
    if credentials_service.credentials_of(request.user) is None:
        return redirect("groups:account")
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    if request.method != "POST":
        return render_page(request, "groups/account/disconnect.html", {})
    PosterCredentials.objects.filter(user=request.user).delete()  # and the last good copy
    messages.success(request, _("The token was forgotten."))
    return redirect("groups:account")


@require_POST
@requires("set_bonus_unit")
def account_bonus_unit(request: Request) -> HttpResponse:
    check_token(request.credentials)
    unit = request.POST.get("bonus_unit", "")
    if unit in PosterAccount.BonusUnit:
        credentials_service.set_bonus_unit(request.credentials, unit)
        messages.success(request, _("The unit of the birthday bonus is set."))
    return redirect("groups:account")


# --- The installation ---------------------------------------------------------------------------------------


WORSE = list(Level)
"""The states, each worse than the one before."""


@require_safe
@permission_required(CHANGE_USER, raise_exception=True)
def installation_state(request: Request) -> HttpResponse:
    """Show each part of the installation with its state; nothing of another account but to Administrators."""
    credentials = getattr(request.user, "credentials", None)
    own = credentials.account_id if credentials else ""
    if not own and not request.user.is_superuser:
        return redirect("groups:account")
    found = examine("" if request.user.is_superuser else own)
    parts = [
        {
            "name": part,
            "label": gettext(part),
            "lines": lines,
            "state": max((line.state for line in lines), key=WORSE.index),
        }
        for part, group in groupby(found, key=attrgetter("part"))
        if (lines := list(group))
    ]
    bad = [part for part in parts if part["state"] != Level.GOOD]
    return render_page(request, "groups/installation/state.html", {"parts": parts, "bad": bad})


@form_methods
@permission_required(CHANGE_USER, raise_exception=True)
def guide(request: Request) -> HttpResponse:
    """Leave the first steps for good; a GET is redirected to them."""
    if request.method != "POST":
        return redirect(reverse("settings") + "#guide", permanent=True)
    Guide.objects.filter(user=request.user).delete()
    return redirect("home")
