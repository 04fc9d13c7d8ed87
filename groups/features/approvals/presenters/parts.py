"""Show limits and requests in the places of the core's pages."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.approvals.models import RIGHT
from groups.features.approvals.services.approvals import count_to_decide
from groups.models import Change, Consent, PosterCredentials
from groups.presenters.destinations import Destination, pages_for
from groups.presenters.history_tabs import Tab
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from poster_admin.common.outages import optional

if TYPE_CHECKING:
    from groups.views.http.requests import Request

type Variables = dict[str, Any] | None


def entry_of_requests(request: "Request", credentials: PosterCredentials | None) -> Variables:
    """Return the number of requests that wait for the user, if any do, for the head of every page."""
    if not credentials:
        return None
    with optional("what waits for a decision"):
        if count := count_to_decide(credentials, request.user):
            return {"to_decide": count, "here": _current(request.path_info, reverse("groups:requests"))}
    return None


def _current(path: str, url: str) -> str:
    """Return the `aria-current` of a link to a page and to those below it."""
    return "page" if path == url else "true" if path.startswith(url) else ""


def tab_of_requests(_request: "Request") -> list[Tab]:
    """Return the tab of the requests, beside the history."""
    return [Tab(_("Requests"), reverse("groups:requests"))]


def settings_of_limits(user: User) -> list[SettingsPage]:
    """Return the page of the limits, for users who may set them."""
    words = _("The highest percent and rise, the birthday bonus, the clients that one change may reach.")
    page = SettingsPage(ACCOUNT, _("Limits"), reverse("groups:limits"), words, "percent")
    return [page] if user.has_perm(RIGHT) else []


def link_to_request(_request: "Request", change: Change) -> Variables:
    """Show the link to the request that a change was approved by."""
    return {"change": change} if change.request_id else None


def reason_of_write(_request: "Request", row: Consent) -> Variables:
    """Return the reason why a change or a job went beyond the limits."""
    return {"reason": row.limit_reason} if row.limit_reason else None


def destinations_of_requests(user: User) -> list[Destination]:
    """Return the page of the requests, for users who may see groups."""
    return pages_for(user, ("groups.view_group", _("Requests"), "groups:requests", False))
