"""Views of the jobs: list, progress, and control."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from groups.models import Change, Job
from groups.presenters.job_page import JobPage
from groups.presenters.job_undo import (
    can_be_opened,
    not_ended_words,
    nothing_to_undo_words,
    undo_card,
)
from groups.presenters.messages import not_recorded_words
from groups.presenters.schedules import schedule_row
from groups.services import approvals
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue, undo_plan
from groups.services.writes.limit_check import BeyondLimits
from groups.services.writes.not_sent import Busy, NotNow, NotRecorded, Occupied, OperationReused, Planned
from groups.views.approvals.beyond import asks_for_reason, must_ask, reason_of, to_job, to_request
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import render_page
from poster_admin.common.paging import page_asked_for


@require_safe
@requires("view_group")
def job_list(request: Request) -> HttpResponse:
    """Show the jobs of the account, the newest first."""
    page = page_asked_for(request, job_lease.jobs_of(request.credentials))
    rows = [JobPage(job, request.user) for job in page.object_list]
    return render_page(request, "groups/jobs/jobs.html", {"page": page, "rows": rows}, fragment="rows")


@form_methods
@requires("view_group")
def job_detail(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Show the progress of a job; let users with the right pause, resume or cancel it."""
    job = get_object_or_404(job_lease.jobs_of(request.credentials), pk=job_id)
    if request.method != "POST":
        return _show(request, job)
    try:
        _decide(request, job)
    except BeyondLimits as beyond:
        job.refresh_from_db()
        if must_ask(request, beyond):
            return to_request(approvals.ask_for_job(job, request.user, beyond.breaches))
        return _show(request, job, **asks_for_reason(request, beyond))
    except Occupied as there:
        return _show(request, job, status=409, busy=there.job)
    except Busy as there:
        return _show(request, job, status=409, removal=there.change)
    except Planned as there:
        return _show(request, job, status=409, planned=schedule_row(there.schedule, request.user))
    except NotNow:
        messages.warning(request, _("This job has moved on meanwhile. Look at it again."))
    return redirect("groups:job", job.pk)


@require_POST
@requires("view_group")
def job_undo(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Undo a job by another one."""
    job = get_object_or_404(job_lease.jobs_of(request.credentials), pk=job_id)
    return undo_by_job(request, job)


def undo_by_job(request: Request, job: Job, change: Change | None = None) -> HttpResponse:
    """Start the job that undoes a job, or one change of it, and redirect to it; the same undo is one job."""
    if not queue.may_control(job, request.user):
        raise PermissionDenied
    try:
        undoing = undo_plan.plan_undo(
            user=request.user, credentials=request.credentials, undone=job, change=change
        )
    except NotNow:
        return _show(request, job, status=409, outcome=not_ended_words())
    except undo_plan.NothingToUndo:
        return _show(request, job, status=409, outcome=nothing_to_undo_words())
    undoing.limit_reason, undoing.allowed_clients = reason_of(request)
    try:
        return _to_undo(request, queue.start(undoing))
    except BeyondLimits as beyond:
        if must_ask(request, beyond):
            return _ask_for(request, undoing, beyond)
        card = undo_card(job, request.user, change)
        return _show(request, job, undo=card, **asks_for_reason(request, beyond))
    except (Occupied, Busy, NotRecorded) as there:
        return _show_not_started(request, job, there)


def _ask_for(request: Request, undoing: Job, beyond: BeyondLimits) -> HttpResponse:
    try:
        return to_request(approvals.ask_for_job(undoing, request.user, beyond.breaches))
    except OperationReused:  # somebody else has asked at this moment
        return _to_undo(request, Job.objects.get(pk=undoing.pk))


def _to_undo(request: Request, undoing: Job) -> HttpResponse:
    """Redirect to an undo; a request of somebody else can be seen only with the right to decide it."""
    if can_be_opened(undoing, request.user):
        return to_job(undoing)
    messages.info(request, _("Somebody else has asked for this undo. It waits for an approval."))
    return redirect("groups:job", undoing.undo_of_id)


def _show_not_started(request: Request, job: Job, there: Occupied | Busy | NotRecorded) -> HttpResponse:
    match there:
        case Occupied():
            return _show(request, job, status=409, busy=there.job)
        case Busy():
            return _show(request, job, status=409, removal=there.change)
        case NotRecorded():
            return _show(request, job, status=503, outcome=not_recorded_words())


def _decide(request: Request, job: Job) -> None:
    match request.POST.get("decision"):
        case "pause":
            queue.pause(job, request.user)
        case "cancel":
            queue.cancel(job, request.user)
        case "resume" | "accept" as decision:
            reason, allowed = reason_of(request)
            accepts = decision == "accept"
            queue.resume(job, request.user, accepts=accepts, limit_reason=reason, allowed_clients=allowed)


def _show(request: Request, job: Job, *, status: int = 200, **context: Any) -> HttpResponse:
    context = {"page": JobPage(job, request.user), **context}
    return render_page(request, "groups/jobs/job.html", context, fragment="job", status=status)
