"""The tabs of the history: it, and what stands beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the history. `news` says in words why it has a dot; without words it has none."""

    label: str
    url: str
    news: str = ""


type TabSource = Callable[[Any], Iterable[Tab]]
"""Takes the request of a user who may see groups."""

_sources: list[tuple[int, TabSource]] = []


def add_history_tab(source: TabSource, order: int = 0) -> None:
    """Add tabs to the history; those of a lower `order` come first."""
    _sources.append((order, source))
    _sources.sort(key=lambda each: each[0])


def history_tabs(request: HttpRequest) -> list[Tab]:
    """Return the tabs of the history that the user may open."""
    return [tab for _order, source in _sources for tab in source(request)]


def _tab_of_the_history(_request: HttpRequest) -> Iterable[Tab]:
    yield Tab(_("History"), reverse("groups:history"))


def _tab_of_the_jobs(_request: HttpRequest) -> Iterable[Tab]:
    yield Tab(_("Jobs"), reverse("groups:jobs"))


# The news are first told where they are counted; features put theirs between these.
add_history_tab(_tab_of_the_history, order=-10)
add_history_tab(_tab_of_the_jobs, order=10)
