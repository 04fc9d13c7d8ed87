"""Find the page of an address that has none of its own, the link in a mail, and the page of a long list."""

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import Resolver404, resolve

PAGE_SIZE = 50
# Their page is the one above them. Features add theirs.
WITHOUT_PAGE = {
    *("groups:undo", "groups:job_undo", "groups:bonus_unit"),
    *("groups:export", "groups:members_export", "groups:history_export"),
    *("passkey_options", "passkey_use", "passkey_new_options", "passkey_remove"),
    "people:invite",
}


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
