"""Views that change many groups at once: percents, an import, and the plan that is confirmed first."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from groups.forms.bulk import PercentsForm, UploadForm
from groups.models import Job
from groups.models.contents import EditPlan, Line
from groups.presenters.bulk_plan import Plan
from groups.presenters.group_list import make_listing
from groups.presenters.list_filters import Filters
from groups.services import groups as reads
from groups.services import history
from groups.services.groups import Groups
from groups.services.jobs import bulk_edits, queue
from groups.spreadsheets.imports import read_import
from groups.spreadsheets.reader import ROWS_AT_MOST, NotReadable
from groups.views.cost import card_of_plan
from groups.views.requests import Request, form_methods, requires
from poster_admin.common.htmx import body_length, render_page

PERCENTS_AT_MOST = 200
"""Limit for one form: a longer page is hard to use, and the site accepts no form with more fields."""


@form_methods
@requires("change_group")
def bulk_edit(request: Request) -> HttpResponse:
    """Show a form for the percents of the listed groups, and make a plan of the edited ones."""
    groups = _groups_now(request)
    if request.method != "POST":
        return _ask_for_percents(request, groups)
    form = PercentsForm(request.POST, groups=groups.groups)
    if not form.is_valid():
        return render_page(request, "groups/bulk.html", {"form": form}, status=422)
    if not form.changed:
        messages.info(request, _("Nothing was changed, so nothing was sent."))
        return redirect("groups:list")
    return _show_plan(request, Job.Kind.EDIT, form.lines, unchanged=len(form.groups) - len(form.changed))


@form_methods
@requires("add_group", "change_group")
def group_import(request: Request) -> HttpResponse:
    """Accept a file with groups, and make a plan of it; show its errors if it has any."""
    largest = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    context: dict[str, Any] = {"most": ROWS_AT_MOST, "megabytes": largest // 2**20}
    if request.method != "POST":
        return render_page(request, "groups/import.html", {"form": UploadForm(), **context})
    form = UploadForm(request.POST, request.FILES, largest=largest, size=body_length(request))
    if form.is_valid():
        content = form.cleaned_data["file"].read()
        try:
            found = read_import(content, _groups_now(request), request.credentials.account_id)
        except NotReadable as problem:
            form.add_error("file", problem)
        else:
            if found.lines and not found.errors:
                return _show_plan(request, Job.Kind.IMPORT, found.lines, found.unchanged, found.ignored)
            context |= {"found": found, "plan": Plan(found.lines)}
    status = 422 if form.errors or context["found"].errors else 200
    return render_page(request, "groups/import.html", {"form": form, **context}, status=status)


@form_methods
@requires("change_group")
def plan(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Show the changes cell by cell; a POST starts them."""
    job = bulk_edits.plan_of(request.credentials, request.user, job_id)
    if job is None:
        raise Http404
    if request.method == "POST":
        try:
            queue.start_draft(job, request.user)
        except queue.NotNow:
            raise Http404 from None
    if job.state != Job.State.DRAFT:
        return redirect("groups:job", job.pk)
    content = EditPlan.from_json(job.wanted)
    context = {
        "job": job,
        "content": content,
        "plan": Plan(content.lines, request.GET.get("page")),
        "cost": card_of_plan(request, request.path, content.lines),
    }
    return render_page(request, "groups/plan.html", context, fragment="cost")


# --- Helpers -----------------------------------------------------------------------------------------------


def _ask_for_percents(request: Request, groups: Groups) -> HttpResponse:
    """Show the form; with a `plan` to correct, fill in its percents and show its groups first."""
    filters = Filters.parse(request.GET)
    changed = history.changed_ids(request.credentials) if filters.only == "changed" else ()
    locked = history.locked_ids(request.credentials)
    listing = make_listing(groups, filters, locked, changed_ids=changed)
    typed = _typed_before(request)
    found = [
        group for group in listing.found_groups if group.is_editable and group.id not in listing.locked_ids
    ]
    found.sort(key=lambda group: group.id not in typed)
    form = PercentsForm(groups=found[:PERCENTS_AT_MOST], typed=typed)
    context = {"form": form, "listing": listing, "found": len(found), "most": PERCENTS_AT_MOST}
    return render_page(request, "groups/bulk.html", context)


def _typed_before(request: Request) -> dict[int, Decimal]:
    try:
        job_id = uuid.UUID(request.GET.get("plan", ""))
    except ValueError:
        return {}
    job = bulk_edits.plan_of(request.credentials, request.user, job_id)
    lines = EditPlan.from_json(job.wanted).lines if job is not None and job.kind == Job.Kind.EDIT else ()
    return {line.group_id: line.new.percent for line in lines if line.group_id is not None}


def _groups_now(request: Request) -> Groups:
    """Return the groups read from Poster just now: a plan must not use older ones. Raises `PosterError`."""
    groups = reads.list_groups(request.credentials, fresh=True)
    if groups.failure is not None:
        raise groups.failure
    return groups


def _show_plan(
    request: Request, kind: Job.Kind, lines: list[Line], unchanged: int, ignored: Sequence[str] = ()
) -> HttpResponse:
    job = bulk_edits.keep_plan(
        user=request.user,
        credentials=request.credentials,
        kind=kind,
        lines=lines,
        unchanged=unchanged,
        ignored=ignored,
    )
    return redirect("groups:plan", job.pk)
