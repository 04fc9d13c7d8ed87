"""Let features add parts to the pages of the core, and tabs to its history.

A place is a spot in a template of the core, as `{% place "group.cards" one %}`. Each part that is drawn
there is a template with its variables. In a `.jinja` file a place is a loop over `parts_of("list.tools",
request, listing)` that includes each template, whose variables are those of `part`. A view that has to know
whether there are parts asks `parts_of`, and its template has `{% parts found %}`. So has one whose parts may
ask Poster while the view does: `begin_parts`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import pgettext

type Show = Callable[..., Mapping[str, Any] | None]
type Begin = Callable[[Any, int], Any]
type Parts = list[tuple[str, Mapping[str, Any]]]
"""Templates, each with its variables."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page. `show` returns the variables of the template, or None for nothing to show."""

    template: str
    show: Show
    order: int = 0
    begin: Begin | None = None


parts_by_place: defaultdict[str, list[Part]] = defaultdict(list)
"""The parts of each place, those of a lower `order` first; `docs/places.md` lists the places."""


def parts_of(place: str, *things: Any) -> Parts:
    shown = ((part.template, part.show(*things)) for part in parts_by_place[place])
    return [(template, variables) for template, variables in shown if variables is not None]


def begin_parts(place: str, request: Any, group_id: int) -> Callable[..., Parts]:
    """Let the parts of a place ask Poster beside the page, and return the function that shows them.

    It takes the request and the things of the place, as `parts_of` does.
    """
    begun = [(part, (part.begin(request, group_id),) if part.begin else ()) for part in parts_by_place[place]]

    def show(*things: Any) -> Parts:
        shown = ((part.template, part.show(*things, *own)) for part, own in begun)
        return [(template, variables) for template, variables in shown if variables is not None]

    return show


# --- Tabs of the history ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the history.

    Its page has `{% history_tabs %}` above its heading. A source leaves a tab without content out.
    """

    label: str
    url: str


type TabSource = Callable[[Any], Iterable[Tab]]
"""Takes the request of a user who may see groups."""


def history_tabs(request: HttpRequest) -> list[Tab]:
    return [tab for _order, source in tab_sources for tab in source(request)]


tab_sources: list[tuple[int, TabSource]] = [
    (-10, lambda _request: [Tab(pgettext("changes and jobs", "All"), reverse("groups:history"))]),
]
"""Those of a lower order come first; features put theirs behind."""
