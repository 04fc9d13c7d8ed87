"""Show the saved views of a user: their names, addresses, and filters in words."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.saved_views.services import views_of
from groups.presenters.destinations import Destination
from groups.presenters.lists.column_sets import column_sets
from groups.presenters.lists.group_list import Listing
from groups.presenters.lists.list_filters import Filters
from groups.presenters.settings_pages import USER, SettingsPage
from groups.services.values import NumberFormat, type_label


def menu_of_views(request: HttpRequest, listing: Listing) -> dict[str, str]:
    """Return the address of the user's saved views, where this list can be saved."""
    return {"views_href": reverse("groups:views") + listing.filters.query()}


def destinations_of(user: User) -> list[Destination]:
    """Return the user's saved views."""
    return [Destination(view.name, view.get_absolute_url(), _("saved view")) for view in views_of(user)]


def settings_of_views(user: User) -> list[SettingsPage]:
    """Return the page where the user's views are kept."""
    words = _("Lists of groups with their filters, and the one that you start with.")
    page = SettingsPage(USER, _("Saved views"), reverse("groups:views"), words, "sort")
    return [page] if user.has_perm("groups.view_group") else []


def list_words(filters: Filters) -> str:
    """Return the filters and the order of a list in words."""
    words = [
        type_label(int(filters.type)) if filters.type else "",
        *(label for label, _without in filters.active(NumberFormat.current())),
        str(column_sets[filters.columns].words) if filters.columns else "",
        filters.order_words(),
    ]
    return " · ".join(filter(None, words)) or _("all groups, in Poster's order")
