"""Show the watch of an account on its page, and switch it."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.elsewhere import services
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.models import PosterCredentials
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services.gateway import check_token
from groups.views.http import Request, requires
from groups.views.settings import connected_listeners


@hooks.part("account.sections", "elsewhere/watch.html")
def watch_section(request: HttpRequest, credentials: PosterCredentials) -> dict[str, Any] | None:
    minutes = settings.POSTER_WATCH_SECONDS / 60
    if not minutes or credentials.refused_at or not request.user.has_perm(WATCH_ACCOUNT):
        return None
    watch = services.watch_of(credentials)
    sender = watch.credentials if watch else None
    has_right = sender and sender.user.has_perm(WATCH_ACCOUNT)
    return {
        "watch": watch,
        "watch_stopped": sender and (sender.refused_at or not has_right),
        # The worker still tries a token that is only refused.
        "watch_refused": sender and sender.refused_at and has_right,
        "watch_minutes": max(round(minutes), 1),
    }


@partial(hooks.settings_pages, order=5)
def settings_of_watch(user: User) -> list[SettingsPage]:
    if not settings.POSTER_WATCH_SECONDS or not user.has_perm(WATCH_ACCOUNT):
        return []
    words = _("The watch: what is changed in Poster's console is written into the history.")
    label, part_of = _("Changes made elsewhere"), reverse("groups:account")
    url = f"{part_of}#watch"
    return [SettingsPage(ACCOUNT, label, url, words, "reload", connected=True, part_of=part_of)]


@hooks.part("guide.protection", "elsewhere/step.html", order=5)
def step_of_watch(request: Request) -> dict[str, Any] | None:
    if not settings_of_watch(request.user):
        return None
    credentials = getattr(request.user, "credentials", None)
    return {"is_done": credentials is not None and services.watch_of(credentials) is not None}


@hooks.part("account.form", "elsewhere/watch_too.html")
def choice_of_watch(request: HttpRequest) -> dict[str, Any] | None:
    """Ask for the watch, ticked, where an account is connected."""
    if not settings.POSTER_WATCH_SECONDS or not request.user.has_perm(WATCH_ACCOUNT):
        return None
    return {"is_chosen": request.method != "POST" or "watch" in request.POST}


def watch_if_chosen(request: Request, credentials: PosterCredentials) -> None:
    """Switch the watch on, unless somebody of the account has done so already."""
    if request.POST.get("watch") != "on" or not settings.POSTER_WATCH_SECONDS:
        return
    credentials.user = User.objects.get(pk=request.user.pk)  # the connection may have taken a right away
    if credentials.user.has_perm(WATCH_ACCOUNT) and services.watch_of(credentials) is None:
        services.switch_on(credentials)


connected_listeners.append(watch_if_chosen)


@require_POST
@requires("watch_account")
def watch_switch(request: Request) -> HttpResponse:
    credentials = request.credentials
    check_token(credentials)
    if request.POST.get("watch") == "on":
        services.switch_on(credentials)
        messages.success(request, _("Changes made elsewhere will be written into the history."))
    else:
        services.switch_off(credentials)
        messages.success(request, _("Changes made elsewhere are no longer looked for."))
    return redirect("groups:account")


hooks.form_addresses("watch")

urlpatterns = [path("account/watch/", watch_switch, name="watch")]
