"""Answer a form that goes beyond the limits: with a request for another user's yes, or with a question."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from groups.features.approvals.forms import ConsentForm
from groups.features.approvals.models import RIGHT, Limits
from groups.features.approvals.presenters.requests import breach_words
from groups.features.approvals.services import approvals
from groups.features.approvals.services.limits import BeyondLimits
from groups.services.writes.not_sent import NotSent
from groups.views.http.requests import Request
from groups.views.writes.not_sent import Show, answer_not_sent


def read_reason(request: Request) -> dict[str, Any]:
    """Return the reason with which a user with the right goes beyond the limits, and for how many clients.

    Without a reason there is no consent. The number is None if the request does not say what was shown.
    """
    form = ConsentForm(request.POST)
    if not request.user.has_perm(RIGHT) or not form.is_valid():
        return {}
    shown = form.cleaned_data["reached"] or 0
    return {
        "limit_reason": form.cleaned_data["reason"],
        "allowed_clients": shown if "reached" in request.POST else None,
    }


def answer_beyond(error: BeyondLimits, request: Request, asked: Any, show: Show) -> HttpResponse:
    """Make a request of what was asked for; a user with the right may give a reason instead."""
    if request.user.has_perm(RIGHT) and not error.needs_another:
        return show(**_question(request, error))
    try:
        return redirect(approvals.ask_for(asked, request.user, error.breaches))
    except NotSent as other:
        return answer_not_sent(other, request, asked, show)


def _question(request: Request, error: BeyondLimits) -> dict[str, Any]:
    """Return what a form shows that asks for a reason: the broken limits, the field, and its status.

    The status is 422 if the reason was asked for before and is not there, and 409 if it was given for fewer
    clients than there are by now.
    """
    asked = {breach.limit: int(breach.asked) for breach in error.breaches}
    shown = {"reached": asked.get(Limits.Limit.MAX_CLIENTS, "")}
    is_sent = "reason" in request.POST
    form = ConsentForm({**request.POST.dict(), **shown} if is_sent else None, initial=shown)
    return {
        "status": 200 if not is_sent else 409 if form.is_valid() else 422,
        "question": "approvals/beyond.html",
        "beyond": [breach_words(breach) for breach in error.breaches],
        "reason_form": form,
    }
