"""Show the watch of an account on the account page."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.elsewhere.services import watch as watching
from groups.models import PosterCredentials
from groups.presenters.settings_pages import ACCOUNT, SettingsPage

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def watch_section(request: HttpRequest, credentials: PosterCredentials) -> dict[str, Any] | None:
    """Show the watch to users who may switch it, where the worker looks at all."""
    minutes = settings.POSTER_WATCH_SECONDS / 60
    if not minutes or credentials.refused_at or not request.user.has_perm(watching.RIGHT):
        return None
    watch = watching.watch_of(credentials)
    return {
        "watch": watch,
        "watch_stopped": watch is not None and not watching.may_look(watch),
        "watch_minutes": max(round(minutes), 1),
    }


def settings_of_watch(user: "User") -> list[SettingsPage]:
    """Return the switch of the watch on the page of the account, to users who may switch it."""
    if not settings.POSTER_WATCH_SECONDS or not user.has_perm(watching.RIGHT):
        return []
    words = _("The watch: what is changed in Poster's console is written into the history.")
    url = f"{reverse('groups:account')}#watch"
    return [SettingsPage(ACCOUNT, _("Changes made elsewhere"), url, words, "reload")]
