"""Middleware that answers a `PosterError` that no view handles."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_htmx.http import retarget

from groups.poster import PosterError
from groups.presenters.messages import error_words
from groups.views.http.statuses import status_of
from poster_admin.common.htmx import element_asked_for, page_behind, render_page
from poster_admin.common.middleware import GetResponse


class PosterErrorMiddleware:
    """Answer an unhandled `PosterError` with its message and its status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, PosterError):
            return None
        fragment = element_asked_for(request)
        retry_url = request.get_full_path()
        if fragment or request.method not in {"GET", "HEAD"}:
            # The address of a fragment is no page, and that of a form may take only a POST.
            retry_url = page_behind(request) or reverse("groups:list")
        context = {"error_words": error_words(error), "status": status_of(error), "retry_url": retry_url}
        if fragment:
            # A failed search leaves the page as it is, with the message above it.
            response = render_page(request, "poster_error.html#notice", context, status=status_of(error))
            return retarget(response, "#notice")
        return render_page(request, "poster_error.html", context, status=status_of(error))
