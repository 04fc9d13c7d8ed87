"""Views of the criteria: the table, and the pins."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups.features.criteria.forms import CriteriaForm, PinForm
from groups.features.criteria.models import RIGHT
from groups.features.criteria.presenters.page import CriteriaPage
from groups.features.criteria.services import tables
from groups.features.criteria.services.tables import SavedSince, SavedTable, saved_table
from groups.presenters.messages import reused_words
from groups.services import groups as reads
from groups.services.writes.not_sent import OperationReused
from groups.views.http.requests import Request, form_methods, requires


@form_methods
@requires("view_group")
def criteria(request: Request) -> HttpResponse:
    """Show the table of criteria; save it, or change its rows without JavaScript."""
    saved = saved_table(request.credentials)
    if request.method != "POST":
        return _show(request, saved)
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied
    groups = reads.list_groups_now(request.credentials).groups
    form = CriteriaForm(request.POST, groups=groups, saved=saved)
    if step := request.POST.get("step"):
        return _show(request, saved, form=form.after(step), is_draft=True)
    if not form.is_valid():
        return _show(request, saved, form=form, status=422)
    data = form.main.cleaned_data
    try:
        changed = tables.save_table(
            form.table,
            nightly=data["nightly"],
            user=request.user,
            credentials=request.credentials,
            operation=data["operation"],
            version=data["version"],
        )
    except SavedSince as since:
        now = SavedTable.of(since.now) if since.now else None
        return _show(request, now, form=form.on(now), status=409, saved_since=True)
    except OperationReused:
        return _show(request, saved, form=form.on(saved), status=409, outcome=reused_words())
    text = _("The criteria are saved.") if changed else _("These criteria were saved already.")
    messages.success(request, text)
    return redirect("groups:criteria")


def _show(
    request: Request,
    saved: SavedTable | None,
    *,
    form: CriteriaForm | None = None,
    pin_form: PinForm | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    groups = reads.list_groups(request.credentials)
    if form is None and request.user.has_perm(RIGHT):
        form = CriteriaForm(groups=groups.groups, saved=saved)
    page = CriteriaPage(saved, groups, tables.pins_of(request.credentials))
    context |= {"page": page, "form": form, "pin_form": pin_form or PinForm()}
    return render(request, "criteria/criteria.html", context, status=status)


# --- Pins --------------------------------------------------------------------------------------------------


@form_methods
@requires("move_client")
def pin_create(request: Request) -> HttpResponse:
    """Pin a client: the criteria leave them where they are."""
    if request.method != "POST":
        return redirect("groups:criteria")
    form = PinForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        is_known = tables.pin_client(
            data["client"],
            data["reason"],
            data["until"],
            user=request.user,
            credentials=request.credentials,
        )
        if is_known:
            messages.success(request, _("The client stays where they are, whatever the criteria say."))
            return redirect("groups:criteria")
        form.add_error("client", _("Poster has no client of this number."))
    return _show(request, saved_table(request.credentials), pin_form=form, status=422)


@require_POST
@requires("move_client")
def pin_remove(request: Request, pin_id: int) -> HttpResponse:
    """Remove the pin of a client."""
    if not tables.remove_pin(pin_id, user=request.user, credentials=request.credentials):
        raise Http404
    messages.success(request, _("The pin is removed."))
    return redirect("groups:criteria")
