"""Offer the criteria in the places of the core's pages."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from groups.presenters.destinations import Destination, pages_for
from groups.presenters.lists.group_list import Listing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from groups.views.http.requests import Request


def menu_entry(_request: "Request", _listing: Listing) -> dict[str, Any]:
    """Show the entry of the list's menu."""
    return {}


def destinations_of(user: "User") -> list[Destination]:
    """Return the page of the criteria, for users who may see groups."""
    return pages_for(user, ("groups.view_group", _("Criteria"), "groups:criteria", False))
