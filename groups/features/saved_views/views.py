"""Saved views of a user: the tabs over the list, where they are kept, and the ways that lead to them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, prefetch_related_objects
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.saved_views.models import MOST_VIEWS, SavedView
from groups.presenters.destinations import Destination
from groups.presenters.lists import Link, ListForm, Listing
from groups.views.http import Request, form_methods, requires
from poster_admin.common.pages import render_form

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

    def clean_query(self) -> str:
        """Return the query string in its usual order and without a page."""
        return ListForm(QueryDict(self.cleaned_data["query"].removeprefix("?"))).query()


@form_methods
@requires("view_group", connected=False)
def view_list(request: Request) -> HttpResponse:
    """Save a list under a name; a GET is redirected to the list, where the form is."""
    if request.method != "POST":
        return redirect(reverse("groups:list") + ListForm(request.GET).query(), permanent=True)
    form, views = SavedViewForm(request.POST), SavedView.objects.filter(user=request.user)
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
    return render_form(request, "saved_views/view.html", form)


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
            form = SavedViewForm(request.POST)
            if form.is_valid():
                try:
                    with transaction.atomic():
                        views.filter(pk=view.pk).update(name=form.cleaned_data["name"])
                except IntegrityError:
                    form.add_error("name", NAME_TAKEN)
            if form.errors:
                return render_form(request, "saved_views/view.html", form, view=view)
    return redirect(view)


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.part("list.tabs", "saved_views/tabs.jinja")
def tabs_of_list(request: Request, listing: Listing) -> dict[str, list[Link]] | None:
    """Return the user's saved views as tabs over the list, behind that of all groups; None without a view."""
    prefetch_related_objects([request.user], "saved_views")  # once for this part and the next
    views = request.user.saved_views.all()
    if not views:
        return None
    here = listing.filters.query()
    may_count = len(views) * len(listing.groups.groups) <= MOST_COUNTED
    tabs = [Link(label=_("All groups"), href=listing.url, current=not here)]
    for view in views:
        filters, count = ListForm(view.params, request.user), ""
        # Where Poster would have to be called for it, there is no number.
        if may_count and not any(condition.costly for condition in filters.active_conditions):
            found = Listing(listing.groups, filters, request.credentials).found_groups
            count = listing.numbers.count(len(found))
        query = filters.query()
        tabs.append(Link(label=view.name, href=listing.url + query, current=query == here, count=count))
    return {"tabs": tabs}


@hooks.part("list.narrowed", "saved_views/save.jinja")
def form_of_list(request: Request, listing: Listing) -> dict[str, Any] | None:
    """Return the saved view that the list is, to be changed, or the query of one to be saved."""
    prefetch_related_objects([request.user], "saved_views")
    query, views = listing.filters.query(), request.user.saved_views.all()
    kept = {ListForm(view.params, request.user).query(): view for view in views}
    is_shown = query in kept or listing.filters.narrow
    return {"view": kept.get(query), "query": query} if is_shown else None


@hooks.start_page
def start_query(user: User) -> str:
    """Return the query string of the view that is the user's start page; empty without one."""
    view = SavedView.objects.filter(user=user, is_start=True).first()
    return view.query if view else ""


hooks.destinations(
    lambda user: [
        Destination(view.name, view.get_absolute_url(), _("saved view"))
        for view in SavedView.objects.filter(user=user)
    ],
    order=-1,
)
hooks.form_addresses("views", "view")

urlpatterns = [
    path("account/views/", view_list, name="views"),
    path("account/views/<int:view_id>/", view_change, name="view"),
]
