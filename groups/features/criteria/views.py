"""Views of the criteria: the table, what it would do, and the pins."""

import json
import uuid
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from groups.features.criteria.forms import CriteriaForm, PinForm, RunForm, typed_bounds
from groups.features.criteria.models import CHANGE_CRITERIA, Criteria
from groups.features.criteria.presenters.page import (
    CriteriaPage,
    less_above_words,
    nothing_saved_words,
)
from groups.features.criteria.presenters.preview_page import PreviewPage
from groups.features.criteria.presenters.spreads import spread_cards
from groups.features.criteria.services import runs, tables
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.kept import lacks_sales
from groups.features.criteria.services.previews import Preview
from groups.features.criteria.services.reading import (
    CriteriaReading,
    GroupsGone,
    find_preview,
    new_reading,
    read_now,
)
from groups.features.criteria.services.runs import Run
from groups.features.criteria.services.tables import SavedSince, saved_criteria
from groups.features.insights.services.sales import VIEW_SALES
from groups.features.insights.services.sweep import SweepProgress
from groups.models import Job
from groups.models.submissions import Submission
from groups.poster import ErrorReason, Unreachable
from groups.poster.fields import whole_number
from groups.presenters.messages import Message, reused_words
from groups.services import groups as reads
from groups.services.clients import SECONDS_FOR_ALL, VIEW_CLIENTS
from groups.services.jobs import queue
from groups.services.writes.not_sent import NotSent, OperationReused
from groups.services.writes.submissions import find_known
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.htmx import element_asked_for, render_page

MOST_SKIPPED = 10**6


@form_methods
@requires("view_group")
def criteria(request: Request) -> HttpResponse:
    """Show the table of criteria; save it, or change its rows without JavaScript."""
    saved = saved_criteria(request.credentials)
    if request.method != "POST":
        return _show(request, saved)
    if not request.user.has_perm(CHANGE_CRITERIA):
        raise PermissionDenied
    groups = reads.list_groups_now(request.credentials).groups
    form = CriteriaForm(request.POST, groups=groups, saved=saved)
    if step := request.POST.get("step"):
        return _show(request, saved, form=form.after(step), is_draft=True)
    if not form.is_valid():
        return _show(request, saved, form=form, status=422)
    sent = {name: form.cleaned_data[name] for name in ("nightly", "operation", "version")}
    try:
        changed = tables.save_table(form.table, **sent, credentials=request.credentials)
    except SavedSince as since:
        return _show(request, since.now, form=form.on(since.now), status=409, saved_since=True)
    except OperationReused:
        return _show(request, saved, form=form.on(saved), status=409, outcome=reused_words())
    text = _("The criteria are saved.") if changed else _("These criteria were saved already.")
    messages.success(request, text)
    for words in less_above_words(form.table, groups):
        messages.warning(request, words)
    return redirect("groups:criteria")


def _show(
    request: Request,
    saved: Criteria | None,
    *,
    form: CriteriaForm | None = None,
    pin_form: PinForm | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    groups = reads.list_groups(request.credentials)
    if form is None and request.user.has_perm(CHANGE_CRITERIA):
        form = CriteriaForm(groups=groups.groups, saved=saved)
    page = CriteriaPage(saved, groups, list(tables.pins_of(request.credentials)), request.user)
    context |= {"page": page, "form": form, "pin_form": pin_form or PinForm()}
    context["lacks_sales"] = form is not None and lacks_sales(request.credentials)
    context["may_preview"] = request.user.has_perms((VIEW_CLIENTS, VIEW_SALES))
    # Where a pin is refused, its section alone takes the place of the one that is there.
    fragment = "pins" if status != HTTPStatus.OK else ""
    return render_page(request, "criteria/criteria.html", context, fragment=fragment, status=status)


# --- The preview -------------------------------------------------------------------------------------------


@form_methods
@requires("view_group", "view_client", "view_sales")
def preview(request: Request) -> HttpResponse:
    """Show what the saved table would do now; with `from` and `to` the clients of that pair by name."""
    if request.method != "POST":
        return redirect("groups:criteria")
    saved = saved_criteria(request.credentials)
    if saved is None:
        return _show(request, None, status=409, outcome=nothing_saved_words())
    from_id, to_id = (whole_number(request.POST.get(name, "")) for name in ("from", "to"))
    pair = (from_id, to_id) if from_id and to_id else None  # whose clients are asked for by name
    skip = whole_number(request.POST.get("skip", ""), most=MOST_SKIPPED) or 0
    try:
        reading = new_reading(request.credentials, Table.from_json(saved.table), pair=pair, skip=skip)
    except GroupsGone:
        return _show(request, saved, status=409)
    again = "waiting" not in request.POST
    found = read_now(reading, seconds=SECONDS_FOR_ALL) if pair else find_preview(reading, again=again)
    return _show_preview(request, reading, found)


def _show_preview(
    request: Request, reading: CriteriaReading, found: Preview | SweepProgress, *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"is_other": status == HTTPStatus.CONFLICT}
    if isinstance(found, SweepProgress):
        context["progress"] = found
    else:
        context |= {"page": PreviewPage(found, reading), "operation": uuid.uuid4()}
        context |= {"seen": runs.seen_of(reading, found), "may_run": request.user.has_perms(Run.permissions)}
        context["asked"] = runs.asked_run(saved_criteria(request.credentials), request.credentials)
    return render_page(request, "criteria/preview.html", context, fragment="preview", status=status)


# --- The run -----------------------------------------------------------------------------------------------


@form_methods
@requires("change_criteria", "move_client")
def run(request: Request) -> HttpResponse:
    """Read and judge all clients anew, and start their move if that is what the preview has shown."""
    if request.method != "POST":
        return redirect("groups:criteria")
    user, credentials = request.user, request.credentials
    saved, form = saved_criteria(credentials), RunForm(request.POST)
    if not form.is_valid():
        outcome = Message(_("Nothing was started"), _("This form is incomplete. Open the page again."))
        return _show(request, saved, status=422, outcome=outcome)
    operation, seen = form.cleaned_data["operation"], form.cleaned_data["seen"]

    def show(*, status: int, **context: Any) -> HttpResponse:
        context |= {"operation": operation, "seen": seen}
        return render(request, "criteria/run.html", context, status=status)

    try:
        known = find_known(Submission(operation, credentials.account_id, user.pk, Run.kind), Job)
    except NotSent as error:
        return answer_not_sent(error, request, None, show)
    if begun := known or runs.unfinished_run(credentials.account_id) or runs.asked_run(saved, credentials):
        return redirect(begun.get_absolute_url())
    if saved is None:
        return show(status=409, outcome=nothing_saved_words())
    try:
        reading = new_reading(credentials, Table.from_json(saved.table))
    except GroupsGone:
        return _show(request, saved, status=409)
    is_read = _read_in_time(reading)
    # A preview that takes too long here was read by a worker.
    found = reading.sums if is_read else find_preview(reading, again=False)
    if isinstance(found, SweepProgress) or runs.seen_of(reading, found) != seen:
        return _show_preview(request, reading, found, status=409)
    job = runs.plan_run(reading, operation=operation, agreed=found.moved, is_read=is_read)
    try:
        return redirect(queue.start(job, **consent_of(request)))
    except NotSent as error:
        return answer_not_sent(error, request, job, show)


def _read_in_time(reading: CriteriaReading) -> bool:
    """Read and judge all clients; return False for an account that cannot be read in time.

    A worker has more time for it, and stops where more clients would move than may. Raises `PosterError`.
    """
    try:
        read_now(reading, seconds=SECONDS_FOR_ALL)
    except Unreachable as error:
        if error.reason != ErrorReason.DEADLINE:
            raise
        return False
    return True


@require_safe
@requires("view_group", "view_sales")
def spread(request: Request) -> HttpResponse:
    """Show where clients lie, beside the bounds of a row that are typed; Poster is not asked."""
    context = {"spreads": spread_cards(request.credentials, typed_bounds(request.GET.dict()))}
    is_in_row = element_asked_for(request).endswith("-spread")
    template = "criteria/spread.html#spread" if is_in_row else "criteria/spread.html"
    return render(request, template, context)


# --- Pins --------------------------------------------------------------------------------------------------


@form_methods
@requires("move_client")
def pin_create(request: Request) -> HttpResponse:
    """Pin a client: the criteria leave them where they are."""
    if request.method != "POST":
        return redirect("groups:criteria")
    form = PinForm(request.POST)
    if form.is_valid():
        if tables.pin_client(request.credentials, **form.cleaned_data):
            messages.success(request, _("The client stays where they are, whatever the criteria say."))
            return _redirect_to_pins(request)
        form.add_error("client", _("Poster has no client of this number."))
    return _show(request, saved_criteria(request.credentials), pin_form=form, status=422)


@require_POST
@requires("move_client")
def pin_remove(request: Request, pin_id: int) -> HttpResponse:
    """Remove the pin of a client, unless somebody has changed it since the page was shown."""
    pin = get_object_or_404(tables.pins_of(request.credentials), pk=pin_id)
    made_at = pin.made_at.isoformat()
    if request.POST.get("made_at", made_at) == made_at:
        tables.remove_pin(request.credentials, pin)
        messages.success(request, _("The pin is removed."))
    else:
        messages.error(request, _("The pin was changed meanwhile, so it stays."))
    return _redirect_to_pins(request)


def _redirect_to_pins(request: Request) -> HttpResponse:
    """Redirect to the table; with a script only its pins are drawn again: what is typed above stays."""
    if element_asked_for(request) != "pins":
        return redirect("groups:criteria")
    place = {"path": reverse("groups:criteria"), "target": "#pins", "select": "#pins", "push": "false"}
    place["selectOOB"] = "#messages:innerHTML"
    return HttpResponse(headers={"HX-Location": json.dumps(place)})
