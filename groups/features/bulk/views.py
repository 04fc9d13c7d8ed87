"""Views that change many groups at once: percents, a file, and the plan that is confirmed first."""

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from math import ceil
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.bulk import services
from groups.features.bulk.files.read_workbook import ROWS_AT_MOST
from groups.features.bulk.files.schemes import write_scheme
from groups.features.bulk.files.tables import NotReadable, compare_with_poster
from groups.features.bulk.forms import PREFIXES, CalculationForm, PercentsForm, UploadForm
from groups.features.bulk.services import Edit, EditPlan, Import, PlanLine
from groups.features.schedules.views import warnings_of_groups
from groups.forms import warnings_for
from groups.models import Job
from groups.models.contents import Effect
from groups.poster import Group
from groups.poster.fields import whole_number
from groups.presenters.changes import check_rows
from groups.presenters.destinations import ACTION, pages_for
from groups.presenters.jobs import page_of
from groups.presenters.lists import ListForm, Listing
from groups.services.groups import Groups
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.values import FIELD_LABELS, NumberFormat
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.lag import current_groups, locked_ids
from groups.services.writes.reach import reach_of_values
from groups.services.writes.submissions import NotNow, NotSent
from groups.views.http import Request, file_response, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.pages import body_length, render_page

PAGE_SIZE = 100


# --- Several percents --------------------------------------------------------------------------------------


class Sheet:
    """The groups that the list found and that can be edited, and the lines typed so far in the form.

    The lines are those of the `plan` that is continued or corrected, rebased onto the groups: a value that
    nobody has typed is the present one. A line whose values Poster has by now, as after its plan was carried
    out, is left out. Groups that fit on one page have those with typed values first.
    """

    def __init__(self, request: Request, groups: Groups) -> None:
        credentials = request.credentials
        locked = locked_ids(credentials)
        self.listing = Listing(groups, ListForm(request.GET, request.user), credentials)
        self.groups = [
            each for each in self.listing.found_groups if each.is_editable and each.id not in locked
        ]
        # The address of a submitted form still has the ticks that it was opened with.
        posted = request.method == "POST"
        ticks = request.POST.getlist("chosen") if posted else request.GET.get("chosen", "").split(",")
        self.chosen = {number for word in ticks if (number := whole_number(word)) is not None}
        plan_id = None
        with suppress(ValueError):
            plan_id = uuid.UUID(request.GET.get("plan", ""))
        job = services.plan_of(credentials, plan_id) if plan_id else None
        self.lines: dict[int, PlanLine] = {}
        now = {group.id: group for group in self.groups}
        for line in EditPlan.from_json(job.wanted).lines if job and job.kind == Edit.kind else ():
            if line.group_id is not None:
                group = now.get(line.group_id)
                moved = line.onto(group) if group else line
                if group is None or moved.new != group.values:
                    self.lines[line.group_id] = moved
        if len(self.groups) <= PAGE_SIZE:
            self.groups.sort(key=lambda group: group.id not in self.lines)
        self.pages = max(1, ceil(len(self.groups) / PAGE_SIZE))

    def groups_of(self, page: int) -> list[Group]:
        return self.groups[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


@form_methods
@requires("change_group")
def bulk_edit(request: Request) -> HttpResponse:
    """Show a form for the numbers of the listed groups; keep what is typed in a plan, over all its pages."""
    groups = current_groups(request.credentials)
    sheet = Sheet(request, groups)
    calculates = "calculate" in request.POST or request.POST.get("amount")
    calculation = CalculationForm(request.POST if calculates else None)
    if request.method != "POST":
        number = whole_number(request.GET.get("page", ""))
        if number is None:
            # The page with the first typed value.
            with_values = (index for index, group in enumerate(sheet.groups) if group.id in sheet.lines)
            number = next(with_values, 0) // PAGE_SIZE + 1
        shown = sheet.groups_of(min(max(number, 1), sheet.pages))
        return _show_sheet(request, sheet, PercentsForm(groups=shown, typed=sheet.lines), calculation)
    form = PercentsForm(request.POST, groups=groups.groups)
    if not form.is_valid() or (calculation.is_bound and not calculation.is_valid()):
        return _show_sheet(request, sheet, form, calculation)
    lines = [line for group_id, line in sheet.lines.items() if group_id not in form.groups]
    lines += form.lines
    if calculation.is_bound:
        # For the chosen groups; without a choice, for all found.
        chosen = [group for group in sheet.groups if not sheet.chosen or group.id in sheet.chosen]
        by_id = {line.group_id: line for line in lines if line.group_id is not None}
        values = calculation.calculate(chosen, {group_id: line.new for group_id, line in by_id.items()})
        if calculation.errors:
            return _show_sheet(request, sheet, form, calculation)
        for group in chosen:
            if group.id in values:
                line, typed = PlanLine.of(0, values[group.id], group), by_id.get(group.id)
                # Keep the old value of a typed line: if Poster has another one by now, that is a conflict.
                by_id[group.id] = replace(line, old=typed.old) if typed else line
        lines = list(by_id.values())
    lines = [line for line in lines if line.new != line.old]
    page = request.POST.get("page", "")
    stays = bool(page) or "calculate" in request.POST
    if not lines and not stays:
        messages.info(request, _("Nothing was changed, so nothing was sent."))
        return redirect("groups:list")
    plan = EditPlan(tuple(replace(line, number=number) for number, line in enumerate(lines, 1)))
    if not stays:
        plan = replace(plan, unchanged=max(0, len(sheet.groups) - len(lines)))
        return redirect("groups:plan", services.keep_plan(request.credentials, Edit, plan).pk)
    # To another page of the form, or back to this one with the calculated values.
    query = request.GET.copy()
    query["plan"] = str(services.keep_plan(request.credentials, Edit, plan).pk) if lines else ""
    query["page"] = page or request.POST.get("here", "")
    query["chosen"] = "" if page else ",".join(map(str, sorted(sheet.chosen)))
    return redirect(f"{reverse('groups:bulk')}?{query.urlencode()}")


def _show_sheet(
    request: Request, sheet: Sheet, form: PercentsForm, calculation: CalculationForm
) -> HttpResponse:
    shown = form.groups
    warnings = warnings_of_groups(request.credentials, sheet.listing.groups)
    page = next((n for n in range(1, sheet.pages + 1) if any(g.id in shown for g in sheet.groups_of(n))), 1)
    # Typed values of groups that this page does not show.
    lines = [line for group_id, line in sheet.lines.items() if line.old and group_id not in shown]
    elsewhere = sum(getattr(line.old, name) != getattr(line.new, name) for line in lines for name in PREFIXES)
    rows, typed = [], 0
    for group, cells in form.rows:
        rows.append((group, cells, warnings.get(group.id, ())))
        typed += sum(cell["changed"] for cell in cells)
    context = {
        "form": form,
        "calculation": calculation,
        "listing": sheet.listing,
        "sheet": sheet,
        "page": page,
        "count_words": _changes(elsewhere + typed),
        # For the script that counts while one types.
        "plurals": "|".join(map(_changes, (1, 2, 5))),
        "elsewhere": elsewhere,
        "rows": rows,
    }
    status = 422 if form.errors or calculation.errors else 200
    return render_page(request, "bulk/percents.html", context, status=status)


def _changes(count: int) -> str:
    return ngettext("%(n)s change", "%(n)s changes", count) % {"n": NumberFormat.current().count(count)}


# --- A file, and the plan ----------------------------------------------------------------------------------


@form_methods
@requires("add_group", "change_group")
def group_import(request: Request) -> HttpResponse:
    """Accept a file with groups, and make a plan of it; show its errors if it has any."""
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
    context["plan"] = plan_page(found.lines, warnings_of_groups(request.credentials))
    status = 422 if form.errors or found.errors else 200
    return render_page(request, "bulk/import.html", context, status=status)


@require_safe
@requires("view_group")
def scheme_export(request: Request) -> HttpResponse:
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

    def show(*, status: int = 200, **context: Any) -> HttpResponse:
        content = EditPlan.from_json(job.wanted)
        shown = plan_page(content.lines, warnings_of_groups(request.credentials), request.GET.get("page"))
        context |= {"job": job, "content": content, "plan": shown}
        return render_page(request, "bulk/plan.html", context, fragment="cost", status=status)

    if request.method == "POST":
        try:
            queue.start_draft(job, request.user, **consent_of(request))
        except NotSent as error:
            return answer_not_sent(error, request, job, show)
        except (NotNow, Job.DoesNotExist):  # it was started or deleted at this moment
            raise Http404 from None
    elif job.state == Job.State.DRAFT:
        return show()
    return redirect(page_of(job, request.user) or job)


def plan_page(
    lines: Iterable[PlanLine],
    warnings: Mapping[int, list[str]] = MappingProxyType({}),
    page: str | None = None,
) -> dict[str, Any]:
    """Show the lines of a plan, those with warnings first.

    `warnings` are those about groups, by the ids of these; the lines have their own next to them.
    """
    risks = {
        line: [*warnings.get(line.group_id or 0, ()), *warnings_for(line.old, line.new, line.namesakes)]
        for line in lines
    }
    shown = Paginator(sorted(risks, key=lambda line: not risks[line]), PAGE_SIZE).get_page(page)
    rows = []
    for line in shown:
        # A discount group has no birthday bonus to compare.
        no_bonus = {"label": FIELD_LABELS["birthday_bonus"], "new": "–"}
        compared = {"birthday_bonus": no_bonus} | {
            row["field"]: row for row in check_rows(line.old, line.new)
        }
        cells = [compared[name] for name in ("loyalty_type", "percent", "birthday_bonus")]
        rows.append((line, compared["name"], cells, risks[line]))
    created = sum(line.old is None for line in risks)
    return {
        "page": shown,
        "rows": rows,
        "total": len(risks),
        "created": created,
        "updated": len(risks) - created,
        # The clients who would get something else, by the rule of the limits.
        "clients": sum(reach_of_values(line.old, line.new, line.clients).clients for line in risks),
        "risky": [line for line in risks if risks[line]],
    }


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.part("list.bar", "bulk/percents.jinja")
@hooks.part("list.tools", "bulk/percents_on_a_phone.jinja")
def link_to_percents(request: HttpRequest, listing: Listing) -> dict[str, str] | None:
    if listing.stale or not listing.found_groups or not request.user.has_perms(Edit.permissions):
        return None
    return {"query": listing.filters.query()}


@hooks.part("list.files", "bulk/scheme.jinja")
def link_to_scheme(_request: HttpRequest, listing: Listing) -> dict[str, Any] | None:
    return None if listing.stale else {}


@hooks.part("request.job", "bulk/plan_of_request.html")
def plan_of_request(_request: HttpRequest, job: Job, now: Effect | None) -> dict[str, Any] | None:
    kind = JobKind.of(job)
    if not isinstance(kind, Edit):
        return None
    return {"plan": plan_page(kind.lines_onto(now.groups) if now else kind.plan.lines)}


hooks.part("list.chosen", "bulk/percents_of_chosen.jinja", order=-1)(
    lambda request, _listing: {} if request.user.has_perm(UpdateGroup.permission) else None
)
hooks.destinations(
    pages_for(("groups.change_group", gettext_lazy("Change several percents"), "groups:bulk", ACTION)),
    order=1,
)
hooks.form_addresses("scheme_export")

urlpatterns = [
    path("groups/edit/", bulk_edit, name="bulk"),
    path("groups/import/", group_import, name="import"),
    path("groups/plan/<uuid:job_id>/", plan, name="plan"),
    path("groups/export.yaml", scheme_export, name="scheme_export"),
]
