"""Middleware that answers a `PosterError` that no view handles."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import retarget

from groups.poster import PosterError
from groups.presenters.messages import error_words
from groups.views.http.statuses import status_of
from poster_admin.common.htmx import element_asked_for, page_behind, render_page
from poster_admin.common.middleware import GetResponse
from poster_admin.common.pages import has_page


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
