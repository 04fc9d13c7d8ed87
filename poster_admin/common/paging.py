"""Show long lists in pages, by the parameter `page` of the address."""

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

PAGE_SIZE = 50


def page_asked_for[M: Model](request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    """Return the page of the rows that the address asks for; the first or the last one if there is none."""
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
