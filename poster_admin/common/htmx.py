"""Read HTMX's headers from a request, and render a page or one of its fragments."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from poster_admin.common.pages import page_at


def htmx_of(request: HttpRequest) -> HtmxDetails:
    details: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by django-htmx
    return details


def wants_page(request: HttpRequest) -> bool:
    """Return True if a whole page is requested: without HTMX, or when HTMX restores a page of its history."""
    htmx = htmx_of(request)
    return not htmx or htmx.history_restore_request


def htmx_target(request: HttpRequest) -> str:
    """Return the id of the element that HTMX replaces, or ""."""
    return "" if wants_page(request) else htmx_of(request).target or ""


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """Render a page, or its fragment if HTMX replaces the element of that name.

    The template reads the name in `fragment`, which brings a title of its own.
    """
    if fragment and htmx_target(request) == fragment:
        template = f"{template}#{fragment}"
    return render(request, template, {**context, "fragment": template.partition("#")[2]}, status=status)


def render_form(
    request: HttpRequest, template: str, form: BaseForm, *, fragment: str = "", **context: Any
) -> HttpResponse:
    status = 422 if form.errors else 200
    return render_page(request, template, {"form": form, **context}, fragment=fragment, status=status)


def body_length(request: HttpRequest) -> int:
    """Return 0 for a malformed header, as Django reads it."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def is_ours(request: HttpRequest, url: str) -> bool:
    return url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def referring_page(request: HttpRequest) -> str:
    """Return the page that sent the request, by HTMX or a form; an empty string if it is not on this site.

    A page that answers a form has the form's address: then it is the page above that.
    """
    htmx, page = htmx_of(request), ""
    with suppress(ValueError):  # The text is not an address at all.
        if htmx:
            page = htmx.current_url_abs_path or ""
        else:
            referer = urlsplit(request.headers.get("Referer", ""))
            if (referer.scheme, referer.netloc) == (request.scheme, request.get_host()):
                page = urlunsplit(("", "", referer.path, referer.query, ""))
    return page_at(page) if is_ours(request, page) else ""
