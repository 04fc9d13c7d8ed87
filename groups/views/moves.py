"""Views that move the clients of a group: some, all, or all before the group is removed."""

from contextlib import suppress
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from groups.forms.groups import MoveForm
from groups.models import Job
from groups.poster import InvalidResponse, Unreachable
from groups.presenters.clients.move_effect import MoveEffect
from groups.presenters.messages import not_recorded_words
from groups.presenters.rules.dependents import DependentsCard
from groups.presenters.schedules import schedule_row
from groups.services import approvals
from groups.services import groups as reads
from groups.services.clients import RIGHT, with_everybody
from groups.services.jobs import lease as job_lease
from groups.services.jobs import moves, queue
from groups.services.move_effect import count_move
from groups.services.writes.execute import Busy, NotRecorded, Planned
from groups.services.writes.reach import BeyondLimits
from groups.views.approvals.beyond import (
    beyond_context,
    must_ask,
    reason_of,
    status_of_reason,
    to_job,
    to_request,
)
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import element_asked_for, render_page


@form_methods
@requires("move_client")
def group_move(request: Request, group_id: int) -> HttpResponse:
    """Start a job that moves the selected clients, or all, to another group."""
    chosen = request.GET.getlist("client")
    if "chosen" in request.GET and not chosen:
        messages.warning(request, _("Choose the clients first: tick the boxes beside their names."))
        return redirect("groups:members", group_id)
    return _move(request, _form(request, group_id, chosen), Job.Kind.MOVE, "groups/move.html", {})


@form_methods
@requires("change_group")
def group_retire(request: Request, group_id: int) -> HttpResponse:
    """Show the ways to retire a group; start the job that moves its clients and removes it, if chosen."""
    if request.method == "POST" and not request.user.has_perms(("groups.move_client", "groups.delete_group")):
        raise PermissionDenied
    context = {"dependents": DependentsCard(request.credentials, group_id, leaving=True)}
    return _move(request, _form(request, group_id), Job.Kind.RETIRE, "groups/retire.html", context)


def _form(request: Request, group_id: int, chosen: list[str] | None = None) -> MoveForm:
    """Return the form with the group and the possible destinations, read from Poster just now."""
    group = with_everybody(request.credentials, reads.read_now(request.credentials, group_id).group)
    groups = reads.list_groups(request.credentials, fresh=True).groups
    others = [each for each in groups if each.id != group_id]
    data = request.POST if request.method == "POST" else None
    return MoveForm(data, group=group, groups=others, chosen=chosen or ())


def _move(
    request: Request, form: MoveForm, kind: Job.Kind, template: str, context: dict[str, Any]
) -> HttpResponse:
    """Start the job of a valid form; show the conflict if another job or a removal holds the lock."""
    if "preview" in request.POST:
        return _preview(request, form, template, context)
    lock = job_lease.members_lock(request.credentials, form.group.id)
    blocked: dict[str, Any] = {"busy": lock.job, "removal": lock.change} if lock else {}
    context |= {"form": form, "group": form.group}
    show = partial(render_page, request, template, fragment="form")
    if form.is_valid():
        job = _job(request, form, kind)
        try:
            return to_job(queue.start(job))
        except BeyondLimits as beyond:
            if must_ask(request, beyond):
                return to_request(approvals.ask_for_job(job, request.user, beyond.breaches))
            context |= blocked | beyond_context(request, beyond.breaches)
            return show(context, status=status_of_reason(request))
        except NotRecorded:
            return show(context | blocked | {"outcome": not_recorded_words()}, status=503)
        except (queue.AlreadyThere, Busy, Planned) as there:
            blocked = _blocked_by(request, there)
    status = 409 if form.is_bound and blocked else 422 if form.errors else 200
    return show(context | blocked, status=status)


def _blocked_by(request: Request, there: queue.AlreadyThere | Busy | Planned) -> dict[str, Any]:
    """Return the lock's holder as the page names it: a job, a removal, or a planned change."""
    match there:
        case queue.AlreadyThere():
            return {"busy": there.job}
        case Busy():
            return {"removal": there.change}
        case Planned():
            return {"planned": schedule_row(there.schedule, request.user)}


def _preview(request: Request, form: MoveForm, template: str, context: dict[str, Any]) -> HttpResponse:
    """Show what the move would change for whom, and start nothing."""
    effect = _effect(request, form) if form.is_valid() else None
    context = {"form": form, "group": form.group, "effect": effect, **context}
    if element_asked_for(request) == "effect":
        return render(request, "groups/move_effect.html", context)
    return render_page(request, template, context, fragment="form", status=422 if form.errors else 200)


def _effect(request: Request, form: MoveForm) -> MoveEffect:
    count = None
    target = form.cleaned_data["target"]
    if request.user.has_perm(RIGHT):
        with suppress(Unreachable, InvalidResponse):
            count = count_move(
                user=request.user,
                credentials=request.credentials,
                group_id=form.group.id,
                percent=target.percent,
                client_ids=form.cleaned_data["clients"],
            )
    return MoveEffect(form.group, target, count)


def _job(request: Request, form: MoveForm, kind: Job.Kind) -> Job:
    job = moves.plan_move(
        user=request.user,
        credentials=request.credentials,
        operation=form.cleaned_data["operation"],
        group=form.group,
        target=form.cleaned_data["target"],
        client_ids=form.cleaned_data["clients"],
        kind=kind,
    )
    job.limit_reason = reason_of(request)
    return job
