"""Let features add parts to the pages of the core.

A place is a spot in a template of the core, as `{% place "group.cards" one %}`. Each part that is drawn
there is a template with its variables. In a `.jinja` file a place is a loop over `parts_of("list.tools",
request, listing)` that includes each template, whose variables are those of `part`. A view that has to know
whether there are parts asks `parts_of`, and its template has `{% parts found %}`. So has one whose parts may
ask Poster while the view does: `begin_parts`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    """Let the parts of a place ask Poster while the page is made, and return the function that shows them.

    It takes the request and the things of the place, as `parts_of` does.
    """
    begun = [(part, (part.begin(request, group_id),) if part.begin else ()) for part in parts_by_place[place]]

    def show(*things: Any) -> Parts:
        shown = ((part.template, part.show(*things, *own)) for part, own in begun)
        return [(template, variables) for template, variables in shown if variables is not None]

    return show
