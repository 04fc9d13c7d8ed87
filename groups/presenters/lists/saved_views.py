"""Show the saved views of a user: their names, addresses, and filters in words."""

from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.models import SavedView
from groups.presenters.lists.list_filters import Filters
from groups.services.values import NumberFormat, type_label


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One saved view, ready to print."""

    id: int
    name: str
    url: str
    words: str
    is_start: bool


def view_row(view: SavedView) -> ViewRow:
    """Return a view ready to print."""
    filters = Filters.parse(QueryDict(view.query.removeprefix("?")))
    return ViewRow(
        view.pk, view.name, reverse("groups:list") + view.query, list_words(filters), view.is_start
    )


def list_words(filters: Filters) -> str:
    """Return the filters and the order of a list in words."""
    words = [
        type_label(int(filters.type)) if filters.type else "",
        *(label for label, _without in filters.active(NumberFormat.current())),
        _("with sales") if filters.columns else "",
        filters.order_words(),
    ]
    return " · ".join(filter(None, words)) or _("all groups, in Poster's order")
