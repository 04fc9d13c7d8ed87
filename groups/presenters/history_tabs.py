"""The tabs of the history: the changes, the news, the jobs, and pages of features."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the history. `news` says in words why it has a dot; without words it has none.

    Its page has `{% history_tabs %}` above its heading.
    """

    label: str
    url: str
    news: str = ""


type TabSource = Callable[[Any], Iterable[Tab]]
"""Takes the request of a user who may see groups."""


def history_tabs(request: HttpRequest) -> list[Tab]:
    return [tab for _order, source in tab_sources for tab in source(request)]


tab_sources: list[tuple[int, TabSource]] = [
    (-10, lambda _request: [Tab(_("History"), reverse("groups:history"))]),
    (10, lambda _request: [Tab(_("Jobs"), reverse("groups:jobs"))]),
]
"""Those of a lower order come first; the news, which a view counts, and features put theirs between."""
