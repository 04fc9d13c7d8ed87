"""Offer the criteria in the places of the core's pages."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from groups.presenters.destinations import Destination, pages_for

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def destinations_of(user: "User") -> list[Destination]:
    """Return the page of the criteria, for users who may see groups."""
    return pages_for(user, ("groups.view_group", _("Criteria"), "groups:criteria", False))
