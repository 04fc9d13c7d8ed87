"""Saved views of a user: the page that keeps them, the tabs over the list, and the ways that lead to them."""

from collections.abc import Mapping
from types import MappingProxyType

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.saved_views import services as saved_views
from groups.features.saved_views.forms import SavedViewForm, ViewNameForm
from groups.features.saved_views.models import SavedView
from groups.features.saved_views.services import views_of
from groups.presenters.destinations import Destination
from groups.presenters.lists.group_list import Listing
from groups.presenters.lists.list_filters import COLUMNS, Link, ListForm, column_sets
from groups.presenters.settings_pages import USER, SettingsPage
from groups.services.values import NumberFormat, type_label
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import render_page

MOST_COUNTED = 20_000
"""Groups that are looked at to count those of all views; where there are more, the tabs have no numbers."""


@form_methods
@requires("view_group", connected=False)
def view_list(request: Request) -> HttpResponse:
    """Show the user's saved views; save the list with the filters of the address under a name."""
    if request.method != "POST":
        return _show(request, SavedViewForm(query=ListForm(request.GET).query()))
    form = SavedViewForm(request.POST)
    if form.is_valid():
        try:
            view = saved_views.save_view(request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The view “%(name)s” was saved.") % {"name": view.name})
            return redirect(view)
    return _show(request, form, status=422)


@require_POST
@requires("view_group", connected=False)
def view_change(request: Request, view_id: int) -> HttpResponse:
    """Rename a saved view, remove it, or make it the start page."""
    view = get_object_or_404(SavedView, user=request.user, pk=view_id)
    match request.POST.get("do"):
        case "start":
            saved_views.choose_start_page(request.user, view)
        case "no_start":
            saved_views.choose_start_page(request.user, None)
        case "remove":
            view.delete()
            messages.success(request, _("The view “%(name)s” was removed.") % {"name": view.name})
        case "rename":
            form = _name_form(view, request.POST)
            if form.is_valid():
                try:
                    saved_views.rename_view(view, form.cleaned_data["name"])
                except ValidationError as error:
                    form.add_error(None, error)
            if form.errors:
                return _show(request, SavedViewForm(), renamed={view.pk: form}, status=422)
    return redirect("groups:views")


def _show(
    request: Request,
    form: SavedViewForm,
    *,
    renamed: Mapping[int, ViewNameForm] = MappingProxyType({}),
    status: int = 200,
) -> HttpResponse:
    """Show the page, with the form of a view that was renamed to no avail."""
    views = [
        (view, list_words(ListForm(view.params)), renamed.get(view.pk) or _name_form(view))
        for view in views_of(request.user)
    ]
    context = {"form": form, "here": list_words(form.filters), "views": views}
    return render_page(request, "saved_views/views.html", context, status=status)


def _name_form(view: SavedView, data: QueryDict | None = None) -> ViewNameForm:
    return ViewNameForm(data, initial={"name": view.name}, auto_id=f"id_{view.pk}_%s")


def list_words(filters: ListForm) -> str:
    """Return the filters, the columns and the order of a list in words."""
    asked, sets = filters.cleaned_data, [column_sets[filters.column_set]] if filters.column_set else []
    names = ", ".join(str(COLUMNS[key]) for key in asked["columns"].split(",") if key in COLUMNS)
    column = asked["sort"].removeprefix("-")
    words = [
        type_label(int(asked["type"])) if asked["type"] else "",
        *(label for label, _without in filters.active(NumberFormat.current())),
        _("columns: %(names)s") % {"names": names} if names else "",
        *(str(each.words) for each in sets),
        f"{(COLUMNS | filters.amount_labels)[column]} {'↓' if column != asked['sort'] else '↑'}"
        if column
        else "",
    ]
    return " · ".join(filter(None, words)) or _("all groups, in Poster's order")


# --- Parts of other pages ----------------------------------------------------------------------------------


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
        filters, count = ListForm(view.params, request.user), ""
        # Where Poster would have to be asked for it, there is no number.
        if may_count and not any(condition.costly for condition in filters.active_conditions):
            found = Listing(listing.groups, filters, request.credentials).found_groups
            count = listing.numbers.count(len(found))
        query = filters.query()
        tabs.append(Link(label=view.name, href=listing.url + query, current=query == here, count=count))
    return {"tabs": tabs}


@hooks.part("list.narrowed", "saved_views/save.jinja")
def save_of_list(request: Request, listing: Listing) -> dict[str, str] | None:
    """Return the address at which the list is kept under a name, unless the user has kept it."""
    query = listing.filters.query()
    kept = {ListForm(view.params, request.user).query() for view in views_of(request.user)}
    return None if query in kept else {"save_href": reverse("groups:views") + query}


def destinations_of(user: User) -> list[Destination]:
    """Return the saved views of a user."""
    return [Destination(view.name, view.get_absolute_url(), _("saved view")) for view in views_of(user)]


@hooks.settings_pages(order=5)
def settings_of_views(user: User) -> list[SettingsPage]:
    """Return the page that keeps them."""
    words = _("Kept lists of groups.")
    page = SettingsPage(USER, _("Saved views"), reverse("groups:views"), words, "sort")
    return [page] if user.has_perm("groups.view_group") else []


hooks.destinations(destinations_of, order=-1)
hooks.start_page(saved_views.start_query)
hooks.form_addresses("view")
