"""Views that change many groups at once: percents, a file, and the plan that is confirmed first."""

import uuid
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups.features.bulk import services
from groups.features.bulk.files.read_workbook import ROWS_AT_MOST
from groups.features.bulk.files.tables import NotReadable
from groups.features.bulk.forms import CalculationForm, PercentsForm, UploadForm
from groups.features.bulk.presenters import Plan, Sheet
from groups.features.bulk.services import Edit, EditPlan, Import, Line
from groups.models import Job
from groups.poster.fields import whole_number
from groups.presenters.changes import group_warnings
from groups.presenters.jobs import page_of
from groups.presenters.lists.group_list import Listing
from groups.presenters.lists.list_filters import ListForm, number_param
from groups.services.groups import Groups
from groups.services.jobs import queue
from groups.services.writes.lag import current_groups, locked_ids
from groups.services.writes.not_sent import NotNow, NotSent
from groups.views.http import Request, file_response, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.htmx import body_length, render_page


@form_methods
@requires("change_group")
def bulk_edit(request: Request) -> HttpResponse:
    """Show a form for the numbers of the listed groups; keep what is typed in a plan, over all its pages."""
    groups = current_groups(request.credentials)
    sheet = _make_sheet(request, groups)
    asked = "calculate" in request.POST or request.POST.get("amount")
    calculation = CalculationForm(request.POST if asked else None)
    if request.method != "POST":
        page = sheet.page_of(request.GET.get("page", ""))
        form = PercentsForm(groups=sheet.groups_of(page), typed=sheet.lines)
        return _show_sheet(request, sheet, form, calculation)
    form = PercentsForm(request.POST, groups=groups.groups)
    if not form.is_valid() or (calculation.is_bound and not calculation.is_valid()):
        return _show_sheet(request, sheet, form, calculation)
    kept = [line for group_id, line in sheet.lines.items() if group_id not in form.groups]
    lines = [*kept, *form.lines]
    if calculation.is_bound:
        # For the chosen groups; without a choice, for all found.
        chosen = [group for group in sheet.found_groups if not sheet.chosen or group.id in sheet.chosen]
        by_id = {line.group_id: line for line in lines if line.group_id is not None}
        values = calculation.calculate(chosen, {group_id: line.new for group_id, line in by_id.items()})
        if calculation.errors:
            return _show_sheet(request, sheet, form, calculation)
        for group in chosen:
            if group.id in values:
                line, typed = Line.of(0, values[group.id], group), by_id.get(group.id)
                # Keep the old value of a typed line: if Poster has another one by now, that is a conflict.
                by_id[group.id] = replace(line, old=typed.old) if typed else line
        lines = list(by_id.values())
    return _after_typing(request, sheet, lines)


@form_methods
@requires("add_group", "change_group")
def group_import(request: Request) -> HttpResponse:
    """Accept a file with groups, and make a plan of it; show its errors if it has any."""
    # PyYAML takes a fiftieth of a start: it is imported once it is needed.
    from groups.features.bulk.files.comparing import compare_with_poster  # noqa: PLC0415 - as said

    context: dict[str, Any] = {"form": UploadForm(), "most": ROWS_AT_MOST}
    if request.method != "POST":
        return render_page(request, "bulk/import.html", context)
    form = context["form"] = UploadForm(request.POST, request.FILES, size=body_length(request))
    found = EditPlan()
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            found = context["found"] = compare_with_poster(file.name, file.read(), request.credentials)
        except NotReadable as problem:
            form.add_error("file", problem)
    if found.lines and not found.errors:
        return redirect("groups:plan", services.keep_plan(request.credentials, Import, found).pk)
    context["plan"] = Plan(found.lines, group_warnings(request.credentials))
    status = 422 if form.errors or found.errors else 200
    return render_page(request, "bulk/import.html", context, status=status)


@require_safe
@requires("view_group")
def scheme_export(request: Request) -> HttpResponse:
    """Return the file with the groups that Poster has now."""
    from groups.features.bulk.files.schemes import write_scheme  # noqa: PLC0415 - as above

    groups = current_groups(request.credentials)
    name = f"scheme-{request.credentials.account_id}-{localdate(groups.as_of)}"
    return file_response(request, name, "yaml", lambda: write_scheme(groups).encode())


@form_methods
@requires("change_group")
def plan(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Show the changes cell by cell; a POST starts them."""
    job = services.plan_of(request.credentials, job_id)
    if job is None:
        raise Http404
    if request.method == "POST":
        try:
            return _start(request, job)
        except (NotNow, Job.DoesNotExist):  # it was started or deleted at this moment
            raise Http404 from None
    if job.state != Job.State.DRAFT:
        return redirect(page_of(job, request.user) or job)
    return _show_draft(request, job)


def _start(request: Request, job: Job) -> HttpResponse:
    try:
        queue.start_draft(job, request.user, **consent_of(request))
    except NotSent as error:
        return answer_not_sent(error, request, job, partial(_show_draft, request, job))
    return redirect(page_of(job, request.user) or job)


def _show_draft(request: Request, job: Job, *, status: int = 200, **context: Any) -> HttpResponse:
    content = EditPlan.from_json(job.wanted)
    context |= {
        "job": job,
        "content": content,
        "plan": Plan(content.lines, group_warnings(request.credentials), request.GET.get("page")),
    }
    return render_page(request, "bulk/plan.html", context, fragment="cost", status=status)


# --- Helpers -----------------------------------------------------------------------------------------------


def _make_sheet(request: Request, groups: Groups) -> Sheet:
    """Return the groups that the list found, with the lines of the `plan` that is continued or corrected."""
    filters = ListForm(request.GET, request.user)
    locked = locked_ids(request.credentials)
    listing = Listing(groups, filters, request.credentials, locked_ids=locked)
    # The address of a submitted form still has the ticks that it was opened with.
    posted = request.method == "POST"
    chosen = request.POST.getlist("chosen") if posted else request.GET.get("chosen", "").split(",")
    ids = {number for word in chosen if (number := whole_number(word)) is not None}
    plan_id = None
    with suppress(ValueError):
        plan_id = uuid.UUID(request.GET.get("plan", ""))
    job = services.plan_of(request.credentials, plan_id) if plan_id else None
    typed_before = EditPlan.from_json(job.wanted).lines if job and job.kind == Edit.kind else ()
    sheet = Sheet(listing, typed_before, ids)
    # Once something is typed, the plan has it.
    if job is None and (percent := number_param(request.GET, "percent", 100)):
        sheet.type_percent(Decimal(percent))
    return sheet


def _show_sheet(
    request: Request, sheet: Sheet, form: PercentsForm, calculation: CalculationForm
) -> HttpResponse:
    shown = form.groups
    warnings = group_warnings(request.credentials, sheet.listing.groups)
    page = next((n for n in range(1, sheet.pages + 1) if any(g.id in shown for g in sheet.groups_of(n))), 1)
    context = {
        "form": form,
        "calculation": calculation,
        "listing": sheet.listing,
        "sheet": sheet,
        "page": page,
        "count_words": sheet.count_words(shown, form.count_typed()),
        "elsewhere": sheet.elsewhere(shown),
        "rows": [(group, cells, warnings.get(group.id, ())) for group, cells in form.rows],
    }
    status = 422 if form.errors or calculation.errors else 200
    return render_page(request, "bulk/percents.html", context, status=status)


def _after_typing(request: Request, sheet: Sheet, lines: list[Line]) -> HttpResponse:
    """Lead on: to another page of the form, back to it with the calculated values, or to the plan."""
    lines = [line for line in lines if line.new != line.old]
    page = request.POST.get("page", "")
    stays = bool(page) or "calculate" in request.POST
    if not lines and not stays:
        messages.info(request, _("Nothing was changed, so nothing was sent."))
        return redirect("groups:list")
    lines = [replace(line, number=number) for number, line in enumerate(lines, 1)]
    if not stays:
        unchanged = max(0, sheet.found - len(lines))
        draft = services.keep_plan(request.credentials, Edit, EditPlan(tuple(lines), unchanged))
        return redirect("groups:plan", draft.pk)
    query = request.GET.copy()
    query.pop("percent", None)
    kept = services.keep_plan(request.credentials, Edit, EditPlan(tuple(lines))) if lines else None
    query["plan"] = str(kept.pk) if kept else ""
    query["page"] = page or request.POST.get("here", "")
    query["chosen"] = "" if page else ",".join(map(str, sorted(sheet.chosen)))
    return redirect(f"{reverse('groups:bulk')}?{query.urlencode()}")
