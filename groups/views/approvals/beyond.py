"""Answer a form that goes beyond the limits: with a request for another user's yes, or with a question."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from groups.forms.approvals import ReasonForm
from groups.models import ApprovalRequest, Job
from groups.presenters.approvals import breach_words
from groups.services.writes.limit_check import RIGHT, BeyondLimits
from groups.views.http.requests import Request


def reason_of(request: Request) -> str:
    """Return the reason with which a user with the right goes beyond the limits, or an empty string."""
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["reason"]) if request.user.has_perm(RIGHT) and form.is_valid() else ""


def must_ask(request: Request, beyond: BeyondLimits) -> bool:
    """Return True if another user has to approve; a user with the right gives a reason instead."""
    return beyond.asked or not request.user.has_perm(RIGHT)


def asks_for_reason(request: Request, beyond: BeyondLimits) -> dict[str, Any]:
    """Return what a form shows that asks for a reason: the broken limits, the field, and its status.

    The status is an error if the reason was asked for before and is not there.
    """
    is_sent = "reason" in request.POST
    return {
        "status": 422 if is_sent else 200,
        "beyond": [breach_words(breach) for breach in beyond.breaches],
        "reason_form": ReasonForm(request.POST if is_sent else None),
    }


def to_request(request: ApprovalRequest) -> HttpResponse:
    """Redirect to the page of a request."""
    return redirect("groups:request", request.pk)


def to_job(job: Job) -> HttpResponse:
    """Redirect to a job, or to the request that it waits for."""
    return redirect("groups:request" if job.state == Job.State.ASKED else "groups:job", job.pk)
