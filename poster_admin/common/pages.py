"""Pages: render one or a fragment of it for HTMX, find that of an address or of a long list, link to one."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

PAGE_SIZE = 50
# Their page is the one above them. Features add theirs.
WITHOUT_PAGE = {
    *("groups:undo", "groups:job_undo", "groups:bonus_unit"),
    *("groups:export", "groups:members_export", "groups:history_export"),
    *("passkey_options", "passkey_use", "passkey_new_options", "passkey_remove"),
    "people:invite",
}


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


def page_at(address: str) -> str:
    """Return an address of this site, or that of the page above if it only takes a form or sends a file."""
    path = address.partition("?")[0]
    return address if has_page(path) else page_above(path)


def has_page(path: str) -> bool:
    return _name_of(path) not in WITHOUT_PAGE


def page_above(path: str) -> str:
    above = f"{path.rstrip('/').rpartition('/')[0]}/"
    return above if _name_of(above) or above == "/" else page_above(above)


def link(path: str, request: HttpRequest | None = None) -> str:
    """Return the whole address of a page; the host of a request, which its sender chooses, comes second."""
    if settings.SITE_URL:
        return f"{settings.SITE_URL.rstrip('/')}{path}"
    return request.build_absolute_uri(path) if request else ""


def _name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


def page_param[M: Model](request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
