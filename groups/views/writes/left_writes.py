"""Tell the steps of a save while it is under way, and its outcome to a user who has left its form."""

from datetime import timedelta

from django.contrib.messages import get_messages
from django.http import Http404, HttpResponse

from groups.models import Change
from groups.presenters.changes.change_words import step_words
from groups.presenters.changes.toasts import outcome_toast, toasts
from groups.views.http.requests import Request
from poster_admin.common.deadlines import is_past
from poster_admin.common.htmx import render_page

TOLD_BY_ITS_FORM = timedelta(seconds=1)
"""Time in which the request that has made a change leaves its message of success to the session."""


def show_step(change: Change) -> HttpResponse:
    """Answer how far a change has come; with nothing once it is over: its form tells the outcome."""
    return (
        HttpResponse(status=204)
        if change.is_over
        else HttpResponse(step_words(change), content_type="text/plain; charset=utf-8")
    )


def tell_outcome(request: Request, change: Change) -> HttpResponse:
    """Answer with the messages for the user, one of them about this change; with nothing until it is over.

    The browser may have another user by now, who has not asked for it.
    """
    if change.user_id != request.user.pk:
        raise Http404
    if not change.is_over or (change.settled_at and not is_past(change.settled_at, age=TOLD_BY_ITS_FORM)):
        return HttpResponse(status=204)
    shown = toasts(get_messages(request), request.user)
    if str(change.pk) not in {toast.change_id for toast in shown}:
        shown.append(outcome_toast(change, request.user))
    return render_page(request, "components/messages.html", {"toasts": shown})
