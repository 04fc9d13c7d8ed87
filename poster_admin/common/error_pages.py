"""Show pages for errors that no view handles, and for addresses that only take forms."""

import sys

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string

from poster_admin.common.middleware import GetResponse
from poster_admin.common.outages import is_outage


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unhandled error: 503 if the database, the cache or the disk is away, else 500.

    Its page knows the request for the chosen colours, and runs no context processor, which could fail too.
    """
    context, error = {"request": request}, sys.exception()
    if error is not None and is_outage(error):
        return HttpResponse(render_to_string("503.html", context), status=503, headers={"Retry-After": "10"})
    return HttpResponseServerError(render_to_string("500.html", context))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token; reload a page that was left open for too long."""
    response = render(request, "403_csrf.html", {"reason": reason}, status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response


def page_for_405(get_response: GetResponse) -> GetResponse:
    """Show a page where an address that only takes forms is opened: Django's own answer is empty."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 405 and request.method in {"GET", "HEAD"}:
            response.content = render_to_string("405.html", request=request)
        return response

    return middleware
