"""Show the saved views of a user: their names, addresses, and filters in words."""

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from groups import hooks
from groups.features.saved_views.services import start_query, views_of
from groups.presenters.destinations import Destination
from groups.presenters.lists.column_sets import amount_labels, column_sets
from groups.presenters.lists.conditions import asked_conditions
from groups.presenters.lists.group_list import Listing, make_listing
from groups.presenters.lists.list_filters import COLUMNS, Filters, Link
from groups.presenters.settings_pages import USER, SettingsPage
from groups.services.values import NumberFormat, type_label
from groups.views.http.requests import Request

MOST_COUNTED = 20_000
"""Groups that are looked at to count those of all views; where there are more, the tabs have no numbers."""


@hooks.part("list.tabs", "saved_views/tabs.jinja")
def tabs_of_list(request: Request, listing: Listing) -> dict[str, list[Link]] | None:
    """Return the user's saved views as tabs over the list, behind that of all groups; None without a view."""
    views = views_of(request.user)
    if not views:
        return None
    here = listing.filters.query()
    may_count = len(views) * len(listing.groups.groups) <= MOST_COUNTED
    tabs = [Link(label=_("All groups"), href=listing.url, current=not here)]
    for view in views:
        filters, count = filters_of(view.query, request.user), ""
        # Where Poster would have to be asked for it, there is no number.
        costly = any(condition.costly for condition in asked_conditions(filters.conditions))
        if may_count and not costly:
            found = make_listing(listing.groups, filters, request.credentials).found_groups
            count = listing.numbers.count(len(found))
        query = filters.query()
        tabs.append(Link(label=view.name, href=listing.url + query, current=query == here, count=count))
    return {"tabs": tabs}


@hooks.part("list.narrowed", "saved_views/save.jinja")
def save_of_list(request: Request, listing: Listing) -> dict[str, str] | None:
    """Return the address at which the list is kept under a name, unless the user has kept it."""
    query = listing.filters.query()
    kept = {filters_of(view.query, request.user).query() for view in views_of(request.user)}
    return None if query in kept else {"save_href": reverse("groups:views") + query}


def destinations_of(user: User) -> list[Destination]:
    """Return the user's saved views."""
    return [Destination(view.name, view.get_absolute_url(), _("saved view")) for view in views_of(user)]


@hooks.settings_pages(order=5)
def settings_of_views(user: User) -> list[SettingsPage]:
    """Return the page where the user's views are kept."""
    words = _("Lists of groups with their filters, and the one that you start with.")
    page = SettingsPage(USER, _("Saved views"), reverse("groups:views"), words, "sort")
    return [page] if user.has_perm("groups.view_group") else []


def filters_of(query: str, user: User | None = None) -> Filters:
    """Return the filters in a query string of the list; unknown ones are ignored."""
    return Filters.parse(QueryDict(query.removeprefix("?")), user)


def list_words(filters: Filters) -> str:
    """Return the filters, the columns and the order of a list in words."""
    names = ", ".join(str(COLUMNS[key]) for key in filters.columns.split(",") if key in COLUMNS)
    labels, column = COLUMNS | amount_labels(filters.column_set), filters.sort.removeprefix("-")
    words = [
        type_label(int(filters.type)) if filters.type else "",
        *(label for label, _without in filters.active(NumberFormat.current())),
        _("columns: %(names)s") % {"names": names} if names else "",
        str(column_sets[filters.column_set].words) if filters.column_set else "",
        f"{labels[column]} {'↓' if column != filters.sort else '↑'}" if column else "",
    ]
    return " · ".join(filter(None, words)) or _("all groups, in Poster's order")


hooks.destinations(destinations_of, order=-1)
hooks.start_page(start_query)
hooks.form_addresses("view")
