"""Views of the jobs: progress, and control."""

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups.models import Change, Job
from groups.presenters.changes import undo_doubts
from groups.presenters.history import history_rows
from groups.presenters.jobs import job_words, notice_of, page_of, undo_card
from groups.services import history
from groups.services.clients import find_names
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue, undo
from groups.services.jobs.kinds import JobKind, progress_of
from groups.services.messages import Message
from groups.services.values import names_words
from groups.services.writes import gates
from groups.services.writes.submissions import BecameOther, NotNow, NotSent
from groups.views.http import Request, form_methods, remember_job, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.pages import htmx_target, render_page

NEW = timedelta(seconds=10)
"""A job of a few changes ends within this time."""
NOT_MADE_SHOWN, MADE_SHOWN = 50, 10
"""Limits for the parts of a job on its page: the history has all of them."""


@form_methods
@requires("view_group")
def job_detail(request: Request, job_id: uuid.UUID) -> HttpResponse:
    """Show the progress of a job; let users with the right pause, resume or cancel it."""
    job = get_object_or_404(job_lease.jobs_of(request.credentials), pk=job_id)
    if request.method != "POST":
        if htmx_target(request) != "messages":
            return _show_job(request, job)
        # Another page is open meanwhile, on which the end of the job is reported.
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
        return answer_not_sent(error, request, job, partial(_show_job, request, job))
    except NotNow:
        messages.warning(request, _("This bulk change has moved on meanwhile. Look at it again."))
    return redirect("groups:job", job.pk)


@require_POST
@requires("view_group")
def job_undo(request: Request, job_id: uuid.UUID) -> HttpResponse:
    job = get_object_or_404(job_lease.jobs_of(request.credentials), pk=job_id)
    return undo_by_job(request, job)


def undo_by_job(
    request: Request, job: Job, change: Change | None = None, *, shown_first: bool = False
) -> HttpResponse:
    """Start the job that undoes a job, or one change of it, and redirect to it; the same undo is one job."""
    if not JobKind.of(job).may_be_undone_by(request.user):
        raise PermissionDenied
    try:
        undoing = undo.plan_undo(job, change, request.credentials)
    except NotNow:
        words = Message(
            _("The bulk change has not ended"),
            _("It may still change something, so nothing was started."),
            _("Undo it when it has ended, or cancel the rest first."),
        )
        return _show_job(request, job, status=409, outcome=words)
    except undo.NothingToUndo:
        words = Message(
            _("Nothing is left to undo"),
            _("All of it was undone or changed since, so nothing was started."),
        )
        return _show_job(request, job, status=409, outcome=words)

    if shown_first and change:
        card, doubts = undo_card(job, request.user, change), undo_doubts(change)
        return _show_job(request, job, undo=card, doubts=doubts)

    def show(*, status: int, reused: bool = False, **context: Any) -> HttpResponse:
        if reused:  # somebody else has asked at this moment
            return _to_undo(request, undoing.pk)
        if "question" in context:
            context["undo"] = undo_card(job, request.user, change)
        return _show_job(request, job, status=status, **context)

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
    messages.info(request, _("Somebody else has requested this undo. It waits for an approval."))
    return redirect("groups:job", undoing.undo_of_id)


def _show_job(request: Request, job: Job, *, status: int = 200, **context: Any) -> HttpResponse:
    remember_job(request, job)
    parts: list[dict[str, Any]] = []
    if not job.is_active:
        tries = Change.objects.filter(job=job).last_tries().exclude(state=Change.State.PENDING)
        changes = [
            *tries.exclude(state=Change.State.APPLIED)[:NOT_MADE_SHOWN],
            *tries.filter(state=Change.State.APPLIED)[:MADE_SHOWN],
        ]
        groups = history.group_names(request.credentials, [job, *changes])
        clients = find_names(request.credentials, {each.client_id for each in changes if each.client_id})
        parts = history_rows(changes, request.user, groups=groups, clients=clients)
    decision = gates.decision_on(job) if job.state in Job.HALTED else None
    undone, rest = job.undo_of, None
    if undone is not None and job.state == Job.State.DONE:
        # The rest of the undo, which has failed here.
        change_id = undo.UndoScope.from_json(job.wanted).change
        rest = undo_card(undone, request.user, Change.objects.get(pk=change_id) if change_id else None)
    kind, progress = JobKind.of(job), progress_of(job)
    context = {
        "job": job,
        "kind": kind,
        "progress": progress,
        "words": job_words(job),
        "notice": notice_of(job, progress),
        # HTMX asks about a new job more often.
        "pause": "2s" if job.created_at <= timezone.now() - NEW else "500ms",
        "who": names_words(job.user_name, job.requested_by),
        "to_accept": job.reason in queue.SEEN,
        "request_url": decision.get_absolute_url() if decision and decision.is_waiting else "",
        "may_decide": job.is_unfinished and kind.may_be_controlled_by(request.user),
        "undo": undo_card(job, request.user),
        "rest": rest if rest and rest["label"] else None,
        "asks": request.GET.get("ask") == "cancel",
        "problems": [row for row in parts if row["change"].state != Change.State.APPLIED],
        "made": [row for row in parts if row["change"].state == Change.State.APPLIED],
        **context,
    }
    return render_page(request, "groups/jobs/job.html", context, fragment="job", status=status)
