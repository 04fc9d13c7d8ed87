"""Answer a form that goes beyond the limits: with a request for another user's yes, or with a question."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from groups.forms.approvals import ConsentForm
from groups.models import ApprovalRequest, Job, Limits
from groups.presenters.approvals import breach_words
from groups.services.writes.limit_check import RIGHT, BeyondLimits
from groups.views.http.requests import Request


def reason_of(request: Request) -> tuple[str, int | None]:
    """Return the reason with which a user with the right goes beyond the limits, and for how many clients.

    Without a reason the text is empty. The number is None if the request does not say what was shown.
    """
    form = ConsentForm(request.POST)
    if not request.user.has_perm(RIGHT) or not form.is_valid():
        return "", None
    shown = form.cleaned_data["reached"] or 0
    return form.cleaned_data["reason"], shown if "reached" in request.POST else None


def must_ask(request: Request, beyond: BeyondLimits) -> bool:
    """Return True if another user has to approve; a user with the right gives a reason instead."""
    return beyond.asked or not request.user.has_perm(RIGHT)


def asks_for_reason(request: Request, beyond: BeyondLimits) -> dict[str, Any]:
    """Return what a form shows that asks for a reason: the broken limits, the field, and its status.

    The status is 422 if the reason was asked for before and is not there, and 409 if it was given for fewer
    clients than there are by now.
    """
    asked = {breach.limit: int(breach.asked) for breach in beyond.breaches}
    shown = {"reached": asked.get(Limits.Limit.MAX_CLIENTS, "")}
    is_sent = "reason" in request.POST
    form = ConsentForm({**request.POST.dict(), **shown} if is_sent else None, initial=shown)
    return {
        "status": 200 if not is_sent else 409 if form.is_valid() else 422,
        "beyond": [breach_words(breach) for breach in beyond.breaches],
        "reason_form": form,
    }


def to_request(request: ApprovalRequest) -> HttpResponse:
    """Redirect to the page of a request."""
    return redirect("groups:request", request.pk)


def to_job(job: Job) -> HttpResponse:
    """Redirect to a job, or to the request that it waits for."""
    return redirect("groups:request" if job.state == Job.State.ASKED else "groups:job", job.pk)
