"""Decide the HTTP status of each failure, and answer errors of Poster that no view handles.

No other layer knows a status.
"""

from typing import assert_never

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import retarget

from groups.models import Change
from groups.poster import InvalidValue, NotAllowed, PosterError, TokenRejected
from groups.poster.errors import REFUSALS
from groups.presenters.messages import error_words
from groups.services.writes.outcome import failure_of
from poster_admin.common.htmx import element_asked_for, page_behind, render_page
from poster_admin.common.middleware import GetResponse
from poster_admin.common.pages import has_page

Failure = Change.Failure
LOST = 504
"""Status of a write whose outcome is not known, or of which nothing was heard."""


def status_of(error: PosterError) -> int:
    return status_of_failure(failure_of(error))


def status_of_change(change: Change) -> int:
    if change.state == Change.State.REFUSED:
        return status_of_refusal(change)
    if change.reason == Change.Reason.GONE:
        return status_of_failure(Failure.NOT_FOUND)
    return status_of_failure(Failure(change.failure)) if change.failure else LOST


def status_of_refusal(change: Change) -> int:
    error = REFUSALS.get(change.code or 0, InvalidValue)
    no_access = issubclass(error, TokenRejected | NotAllowed)
    return status_of_failure(Failure.NO_ACCESS if no_access else Failure.REJECTED)


def status_of_failure(failure: Change.Failure) -> int:
    match failure:
        case Failure.NOT_FOUND:
            return 404
        case Failure.BEHIND:
            return 409
        case Failure.REJECTED:
            return 422
        case Failure.NO_ACCESS:
            return 424
        case Failure.UNCLEAR:
            return 502
        case Failure.BUSY:
            return 503
        case Failure.UNREACHABLE:
            return 504
        case _ as never:
            assert_never(never)


class PosterErrorMiddleware:
    """Answer an unhandled `PosterError` with its message and its status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, PosterError):
            return None
        fragment, status = element_asked_for(request), status_of(error)
        match status:
            case 424:
                url, label = reverse("groups:account"), _("To the connection")
            case 404:
                url, label = reverse("groups:list"), _("To the groups")
            case _:
                url, label = request.get_full_path(), _("Try again")
                if fragment or request.method not in {"GET", "HEAD"} or not has_page(request.path):
                    # A fragment or a file is no page, and the address of a form may take only a POST.
                    url = page_behind(request) or reverse("groups:list")
        context = {"error_words": error_words(error), "status": status, "way_url": url, "way_label": label}
        if fragment:
            # A failed search leaves the page as it is, with the message above it.
            response = render_page(request, "poster_error.html#notice", context, status=status)
            return retarget(response, "#notice")
        return render_page(request, "poster_error.html", context, status=status)
