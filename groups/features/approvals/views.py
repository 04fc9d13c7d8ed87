"""Views of the limits of an account and of requests beyond them; answer a form that goes beyond."""

import uuid
from contextlib import suppress
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from groups import hooks
from groups.features.approvals.forms import ConsentForm, LimitsForm, ReasonForm
from groups.features.approvals.models import EXCEED_LIMITS, ApprovalRequest, Limits
from groups.features.approvals.presenters import RequestPage, breach_words
from groups.features.approvals.services import approvals
from groups.features.approvals.services.limits import BeyondLimits, SetSince, limits_of, set_limits
from groups.models import Change
from groups.models.contents import Effect
from groups.poster import PosterError
from groups.presenters.changes import outcome_words
from groups.presenters.messages import Message
from groups.services.gateway import check_token
from groups.services.writes.not_sent import NotNow, NotSent
from groups.views.http import LOST, Request, form_methods, requires, status_of_change
from groups.views.writes import Show, answer_not_sent
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.htmx import render_form, render_page
from poster_admin.common.paging import page_asked_for
from poster_admin.users.sign_in.reauthentication import ask_to_confirm, recently_confirmed

State = Change.State


@form_methods
@requires("exceed_limits")
def account_limits(request: Request) -> HttpResponse:
    """Show and set the limits of the account."""
    check_token(request.credentials)
    limits = limits_of(request.credentials.account_id)
    form = LimitsForm(request.POST if request.method == "POST" else None, limits=limits)
    if not form.is_valid():
        return render_form(request, "approvals/limits.html", form, fragment="form", limits=limits)
    try:
        set_limits(limits.account_id, form.typed, opened=form.opened, user=request.user)
    except SetSince as since:
        context = {"form": form.on(since.now), "limits": since.now, "set_since": True}
        return render_page(request, "approvals/limits.html", context, fragment="form", status=409)
    messages.success(request, _("The limits are set."))
    return redirect("groups:limits")


@require_safe
@requires("view_group")
def request_list(request: Request) -> HttpResponse:
    """Show the requests: all for users who may decide, else the user's own."""
    page = page_asked_for(request, approvals.requests_of(request.credentials))
    made = approvals.writes_of(page.object_list)
    rows = [RequestPage(asked, request.user, made=made.get(asked.pk)) for asked in page.object_list]
    return render_page(request, "approvals/requests.html", {"page": page, "rows": rows}, fragment="rows")


@require_safe
@requires("view_group")
def request_detail(request: Request, request_id: uuid.UUID) -> HttpResponse:
    """Show a request; to users who may decide it, with the values that Poster has now."""
    return _show(request, _find(request, request_id))


@require_POST
@requires("exceed_limits")
def request_approve(request: Request, request_id: uuid.UUID) -> HttpResponse:
    """Approve a request, and make its write with the user's own token."""
    asked = _find_to_decide(request, request_id)
    if approvals.needs_password(asked) and not recently_confirmed(request):
        return ask_to_confirm(request, back=request.path.removesuffix("approve/"))
    try:
        change = approvals.approve(asked, request.credentials, seen=request.POST.get("seen", ""))
    except NotNow:
        return _moved_on(request, asked)
    except approvals.AlreadySo:
        messages.info(request, _("Poster has all of this already, so nothing was sent."))
        return redirect("groups:request", asked.pk)
    except approvals.ChangedSince as changed:
        return _show(request, asked, status=409, now=changed.now, asks_again=True)
    except NotSent as error:
        return answer_not_sent(error, request, asked, partial(_show_not_sent, request, asked))
    if change is None or change.state in Change.MADE:
        # The outcome of a job or a planned change is on its own page, later.
        messages.success(request, _("The request was approved."))
        return redirect("groups:request", asked.pk)
    if change.state == State.FAILED and change.reason == Change.Reason.CONFLICT:
        status = 409
    else:
        status = status_of_change(change) if change.state in Change.NOTHING_CHANGED else LOST
    return _show(request, asked, status=status, outcome=outcome_words(change), change=change)


@require_POST
@requires("exceed_limits")
def request_refuse(request: Request, request_id: uuid.UUID) -> HttpResponse:
    """Refuse a request with a reason."""
    asked = _find_to_decide(request, request_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _show(request, asked, status=422, reason_form=form)
    try:
        approvals.refuse(asked, user=request.user, reason=form.cleaned_data["reason"])
    except NotNow:
        return _moved_on(request, asked)
    messages.success(request, _("The request was refused. Nothing was sent to Poster."))
    return redirect("groups:request", asked.pk)


@require_POST
@requires("view_group")
def request_withdraw(request: Request, request_id: uuid.UUID) -> HttpResponse:
    """Take back a request of the user's own."""
    asked = _find(request, request_id)
    try:
        approvals.withdraw(asked, user=request.user)
    except NotNow:
        return _moved_on(request, asked)
    messages.success(request, _("The request was withdrawn. Nothing was sent to Poster."))
    return redirect("groups:request", asked.pk)


# --- Helpers -----------------------------------------------------------------------------------------------


def _find(request: Request, request_id: uuid.UUID) -> ApprovalRequest:
    return get_object_or_404(approvals.requests_of(request.credentials), pk=request_id)


def _find_to_decide(request: Request, request_id: uuid.UUID) -> ApprovalRequest:
    asked = _find(request, request_id)
    if not approvals.may_decide(asked, request.user):
        raise PermissionDenied
    return asked


def _moved_on(request: Request, asked: ApprovalRequest) -> HttpResponse:
    messages.warning(request, _("This request has moved on meanwhile. Look at it again."))
    return redirect("groups:request", asked.pk)


def _show_not_sent(
    request: Request, asked: ApprovalRequest, *, status: int, blocked: str = "", **context: Any
) -> HttpResponse:
    """Show why an approval has sent nothing: there is no form that could be corrected."""
    if blocked:
        still = _("Nothing was sent, and the request still waits.")
        status, context["outcome"] = 409, Message(_("Birthday bonuses are stopped"), still, blocked)
    return _show(request, asked, status=status, **context)


def _show(
    request: Request,
    asked: ApprovalRequest,
    *,
    status: int = 200,
    now: Effect | None = None,
    **context: Any,
) -> HttpResponse:
    asked.refresh_from_db()
    if now is None and asked.is_waiting:
        # The page says what was asked for; the approval reads again, and checks the rights to it.
        with suppress(PosterError, PermissionDenied, SecretUnreadable):
            now = approvals.effect_of(asked, request.credentials)
    made = approvals.writes_of([asked]).get(asked.pk)
    page = RequestPage(asked, request.user, now, made)
    context = {"page": page, "reason_form": ReasonForm(), **context}
    return render_page(request, "approvals/request.html", context, fragment="request", status=status)


# --- Forms that go beyond the limits -----------------------------------------------------------------------


@hooks.consent
def read_reason(request: Request) -> dict[str, Any]:
    """Return the reason with which a user with the right goes beyond the limits, and for how many clients.

    Without a reason there is no consent. The number is None if the request does not say what was shown.
    """
    form = ConsentForm(request.POST)
    if not request.user.has_perm(EXCEED_LIMITS) or not form.is_valid():
        return {}
    shown = form.cleaned_data["reached"] or 0
    return {
        "limit_reason": form.cleaned_data["reason"],
        "allowed_clients": shown if "reached" in request.POST else None,
    }


@answer_not_sent.register(BeyondLimits)
def answer_beyond(error: BeyondLimits, request: Request, asked: Any, show: Show) -> HttpResponse:
    """Make a request of what was asked for; a user with the right may give a reason instead."""
    if not request.user.has_perm(EXCEED_LIMITS) or error.needs_another:
        try:
            return redirect(approvals.ask_for(asked, request.user, error.breaches))
        except NotSent as other:
            return answer_not_sent(other, request, asked, show)
    reached = {breach.limit: int(breach.asked) for breach in error.breaches}
    shown = {"reached": reached.get(Limits.Limit.MAX_CLIENTS, "")}
    is_sent = "reason" in request.POST
    form = ConsentForm({**request.POST.dict(), **shown} if is_sent else None, initial=shown)
    return show(
        # 409 if the reason was given for fewer clients than there are by now, 422 if it is missing.
        status=200 if not is_sent else 409 if form.is_valid() else 422,
        question="approvals/beyond.html",
        beyond=[breach_words(breach) for breach in error.breaches],
        reason_form=form,
        **shown,
    )
