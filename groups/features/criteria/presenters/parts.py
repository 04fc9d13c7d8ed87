"""Offer the criteria in the places of the core's pages."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.presenters.settings_pages import ACCOUNT, SettingsPage

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def settings_of_criteria(user: "User") -> list[SettingsPage]:
    """Return the page of the criteria, for users who may see groups."""
    if not user.has_perm("groups.view_group"):
        return []
    words = _("Who belongs in which group; how many a run moves; every night; who stays where they are.")
    return [SettingsPage(ACCOUNT, _("Criteria"), reverse("groups:criteria"), words, "stairs")]
