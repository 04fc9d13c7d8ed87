"""Saved views of a user: the page that keeps them, the tabs over the list, and the ways that lead to them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.saved_views.models import MOST_VIEWS, VIEWS, SavedView
from groups.presenters.destinations import Destination
from groups.presenters.lists.group_list import Listing
from groups.presenters.lists.list_filters import COLUMNS, Link, ListForm, column_sets
from groups.presenters.settings_pages import USER, SettingsPage
from groups.services.values import NumberFormat, type_label
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import render_page

MOST_COUNTED = 20_000
"""Groups that are looked at to count those of all views; where there are more, the tabs have no numbers."""
NAME_TAKEN = gettext_lazy("You have a view of this name. Choose another one.")


class SavedViewForm(forms.Form):
    """The name of a view; of a new one, the address of its list too."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": gettext_lazy("Enter a name for this view."),
            "max_length": gettext_lazy("The name may have %(limit_value)d characters at most."),
        },
    )
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=1000)

    @staticmethod
    def of_new(data: Any = None, *, query: str = "") -> "SavedViewForm":
        # The list has other forms with a field of this name.
        form = SavedViewForm(data, initial={"query": query}, auto_id="view_%s")
        # A user who has come to save a list types its name at once.
        form.fields["name"].widget.attrs["autofocus"] = bool(query)
        return form

    @staticmethod
    def of_view(view: SavedView, data: Any = None) -> "SavedViewForm":
        return SavedViewForm(data, initial={"name": view.name}, auto_id=f"id_{view.pk}_%s")

    @property
    def filters(self) -> ListForm:
        return ListForm(QueryDict((self["query"].value() or "").removeprefix("?")))

    def clean_query(self) -> str:
        """Return the query string in its usual order and without a page."""
        return self.filters.query()


@form_methods
@requires("view_group", connected=False)
def view_list(request: Request) -> HttpResponse:
    """Show the user's saved views; save the list with the filters of the address under a name."""
    if request.method != "POST":
        return _show(request, SavedViewForm.of_new(query=ListForm(request.GET).query()))
    form, views = SavedViewForm.of_new(request.POST), SavedView.objects.filter(user=request.user)
    if form.is_valid():
        if views.count() >= MOST_VIEWS:
            form.add_error(None, _("You have as many views as the list has tabs for. Remove one first."))
        else:
            name, query = form.cleaned_data["name"], form.cleaned_data["query"]
            view, is_new = views.get_or_create(user=request.user, name=name, defaults={"query": query})
            if is_new:
                messages.success(request, _("The view “%(name)s” was saved.") % {"name": name})
                return redirect(view)
            form.add_error("name", NAME_TAKEN)
    return _show(request, form, status=422)


@require_POST
@requires("view_group", connected=False)
def view_change(request: Request, view_id: int) -> HttpResponse:
    """Rename a saved view, remove it, or make it the start page."""
    views = SavedView.objects.filter(user=request.user)
    view = get_object_or_404(views, pk=view_id)
    match request.POST.get("do"):
        case "start":
            # One statement for all views: two that choose at once leave one start page, not two.
            views.update(is_start=Q(pk=view.pk))
        case "no_start":
            views.update(is_start=False)
        case "remove":
            view.delete()
            messages.success(request, _("The view “%(name)s” was removed.") % {"name": view.name})
        case "rename":
            form = SavedViewForm.of_view(view, request.POST)
            if form.is_valid():
                try:
                    with transaction.atomic():
                        views.filter(pk=view.pk).update(name=form.cleaned_data["name"])
                except IntegrityError:
                    form.add_error("name", NAME_TAKEN)
            if form.errors:
                return _show(request, SavedViewForm.of_new(), renamed={view.pk: form}, status=422)
    return redirect("groups:views")


def _show(
    request: Request,
    form: SavedViewForm,
    *,
    renamed: Mapping[int, SavedViewForm] = MappingProxyType({}),
    status: int = 200,
) -> HttpResponse:
    """Show the page, with the form of a view that was renamed to no avail."""
    views = [
        (view, list_words(ListForm(view.params)), renamed.get(view.pk) or SavedViewForm.of_view(view))
        for view in VIEWS.find(user_id=request.user.pk)
    ]
    context = {"form": form, "here": list_words(form.filters), "views": views}
    return render_page(request, "saved_views/views.html", context, status=status)


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
    views = VIEWS.find(user_id=request.user.pk)
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
    kept = {ListForm(view.params, request.user).query() for view in VIEWS.find(user_id=request.user.pk)}
    return None if query in kept else {"save_href": reverse("groups:views") + query}


@hooks.settings_pages(order=5)
def settings_of_views(user: User) -> list[SettingsPage]:
    words = _("Kept lists of groups.")
    page = SettingsPage(USER, _("Saved views"), reverse("groups:views"), words, "bookmark")
    return [page] if user.has_perm("groups.view_group") else []


@hooks.start_page
def start_query(user: User) -> str:
    """Return the query string of the view that is the user's start page; empty without one."""
    view = SavedView.objects.filter(user=user, is_start=True).first()
    return view.query if view else ""


hooks.destinations(
    lambda user: [
        Destination(view.name, view.get_absolute_url(), _("saved view"))
        for view in VIEWS.find(user_id=user.pk)
    ],
    order=-1,
)
hooks.form_addresses("view")
