"""Views of the jobs: list, progress, and control."""

import uuid
from functools import partial
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
    UndoCard,
    ids_to_undo,
    not_ended_words,
    nothing_to_undo_words,
    page_of,
    undo_card,
)
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue, undo_plan
from groups.services.writes.not_sent import NotNow, NotSent
from groups.services.writes.submissions import BecameOther
from groups.views.http import left_jobs
from groups.views.http.requests import Request, form_methods, requires
from groups.views.writes.not_sent import answer_not_sent, consent_of
from poster_admin.common.htmx import element_asked_for, render_page
from poster_admin.common.pages import page_asked_for


@require_safe
@requires("view_group")
def job_list(request: Request) -> HttpResponse:
    """Show the jobs of the account, the newest first."""
    page = page_asked_for(request, job_lease.jobs_of(request.credentials))
    context = {
        "page": page,
        "rows": [JobPage(job, request.user) for job in page.object_list],
        "undoable": ids_to_undo(page.object_list, request.user),
    }
    return render_page(request, "groups/jobs/jobs.html", context, fragment="rows")


@form_methods
@requires("view_group")
def job_detail(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Show the progress of a job; let users with the right pause, resume or cancel it."""
    job = get_object_or_404(job_lease.jobs_of(request.credentials), pk=job_id)
    if request.method != "POST":
        if element_asked_for(request) != "messages":
            return _show(request, job)
        # Another page is open meanwhile, on which the end of the job is told.
        return (
            HttpResponse(status=204)
            if job.is_active
            else render_page(request, "components/messages.html", {})
        )
    try:
        match request.POST.get("decision"):
            case "pause":
                queue.pause(job, request.user)
            case "cancel":
                queue.cancel(job, request.user)
            case "resume" | "accept" as decision:
                queue.resume(job, request.user, accepts=decision == "accept", **consent_of(request))
    except NotSent as error:
        job.refresh_from_db()
        return answer_not_sent(error, request, job, partial(_show, request, job))
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
    if not queue.may_undo(job, request.user):
        raise PermissionDenied
    try:
        undoing = undo_plan.plan_undo(job, change, request.credentials)
    except NotNow:
        return _show(request, job, status=409, outcome=not_ended_words())
    except undo_plan.NothingToUndo:
        return _show(request, job, status=409, outcome=nothing_to_undo_words())

    def show(*, status: int, reused: bool = False, **context: Any) -> HttpResponse:
        if reused:  # somebody else has asked at this moment
            return _to_undo(request, undoing.pk)
        if "question" in context:
            context["undo"] = undo_card(job, request.user, change)
        return _show(request, job, status=status, **context)

    try:
        return redirect(queue.start(undoing, **consent_of(request)))
    except BecameOther:
        return _to_undo(request, undoing.pk)
    except NotSent as error:
        return answer_not_sent(error, request, undoing, show)


def _to_undo(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Redirect to an undo as it is stored by now, or to what it waits for if the user may see that."""
    undoing = Job.objects.get(pk=job_id)
    if page := page_of(undoing, request.user):
        return redirect(page.get_absolute_url())
    messages.info(request, _("Somebody else has asked for this undo. It waits for an approval."))
    return redirect("groups:job", undoing.undo_of_id)


def _show(
    request: Request, job: Job, *, status: int = 200, undo: UndoCard | None = None, **context: Any
) -> HttpResponse:
    left_jobs.remember(request, job)
    page = JobPage(job, request.user)
    context |= {"page": page, "undo": undo or page.undo, "asks": request.GET.get("ask") == "cancel"}
    return render_page(request, "groups/jobs/job.html", context, fragment="job", status=status)
