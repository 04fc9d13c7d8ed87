"""Answer a form that goes beyond the limits: with a request for another user's yes, or with a question."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect

from groups.forms.approvals import ReasonForm
from groups.models import ApprovalRequest, Job
from groups.models.contents import Breach
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


def beyond_context(request: Request, breaches: Iterable[Breach]) -> dict[str, Any]:
    """Return the context of a form that asks for a reason, and says which limits are broken."""
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    return {"beyond": [breach_words(breach) for breach in breaches], "reason_form": form}


def status_of_reason(request: Request) -> int:
    """Return the status of that form: an error if the reason was asked for and is not there."""
    return 422 if "reason" in request.POST else 200


def to_request(request: ApprovalRequest) -> HttpResponse:
    """Redirect to the page of a request."""
    return redirect("groups:request", request.pk)


def to_job(job: Job) -> HttpResponse:
    """Redirect to a job, or to the request that it waits for."""
    return redirect("groups:request" if job.state == Job.State.ASKED else "groups:job", job.pk)
