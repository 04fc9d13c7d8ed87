"""Show the watch of an account on the account page."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from groups.features.elsewhere.services import watch as watching
from groups.models import PosterCredentials


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
