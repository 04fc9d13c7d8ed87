"""Views of a user's saved views: lists of groups with filters, and the start page."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups.features.saved_views import services as saved_views
from groups.features.saved_views.forms import SavedViewForm, ViewNameForm
from groups.features.saved_views.models import SavedView
from groups.features.saved_views.presenters import filters_of, list_words
from groups.features.saved_views.services import NameTaken, TooMany
from groups.presenters.lists.list_filters import Filters
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import render_page


@form_methods
@requires("view_group", connected=False)
def view_list(request: Request) -> HttpResponse:
    """Show the user's saved views; save the list with the filters of the address under a name."""
    if request.method != "POST":
        return _show(request, SavedViewForm(query=Filters.parse(request.GET).query()))
    form = SavedViewForm(request.POST)
    if form.is_valid():
        try:
            view = saved_views.save_view(request.user, form.cleaned_data["name"], form.cleaned_data["query"])
        except NameTaken:
            form.add_error("name", _name_taken())
        except TooMany:
            form.add_error(None, _("You have as many views as the list has tabs for. Remove one first."))
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
            saved_views.remove_view(view)
            messages.success(request, _("The view “%(name)s” was removed.") % {"name": view.name})
        case "rename":
            form = ViewNameForm(request.POST, auto_id=_auto_id(view))
            if form.is_valid():
                with suppress(NameTaken):
                    saved_views.rename_view(view, form.cleaned_data["name"])
                    return redirect("groups:views")
                form.add_error("name", _name_taken())
            return _show(request, SavedViewForm(), renamed=(view.pk, form), status=422)
    return redirect("groups:views")


def _show(
    request: Request,
    form: SavedViewForm,
    *,
    renamed: tuple[int, ViewNameForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    views = saved_views.views_of(request.user)
    names = {view.pk: ViewNameForm(initial={"name": view.name}, auto_id=_auto_id(view)) for view in views}
    if renamed:
        names |= dict([renamed])
    context: dict[str, Any] = {
        "form": form,
        "here": list_words(form.filters),
        "views": [(view, list_words(filters_of(view.query)), names[view.pk]) for view in views],
    }
    return render_page(request, "saved_views/views.html", context, status=status)


def _auto_id(view: SavedView) -> str:
    return f"id_{view.pk}_%s"


def _name_taken() -> str:
    return _("You have a view of this name. Choose another one.")
