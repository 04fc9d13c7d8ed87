"""Let features add parts to the pages of the core.

A place is a spot in a template of the core, as `{% place "group.cards" group %}`; in a `.jinja` file it is
`{{ place("list.tools", listing) }}`. Each part that is drawn there is a template with its variables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PLACES = {
    "account.sections": "The page of the account, below the token; shown with (request, credentials).",
    "menu": "The menu under the user's name; a `.jinja` template, shown with (request, credentials).",
    "list.head": "The head of the list of groups; shown with (request).",
    "list.tools": "The menu of actions for the list; a `.jinja` template, shown with (request, listing).",
}

type Show = Callable[..., Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page. `show` returns the variables of the template, or None for nothing to show."""

    template: str
    show: Show
    order: int = 0


_parts: dict[str, list[Part]] = {place: [] for place in PLACES}


def add_part(place: str, part: Part) -> None:
    """Add a part to a place; parts with the same `order` stay in the order of INSTALLED_APPS."""
    _parts[place].append(part)
    _parts[place].sort(key=lambda each: each.order)


def parts_of(place: str, *things: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the templates to draw in a place, each with its variables; `things` are those of the place."""
    shown = ((part.template, part.show(*things)) for part in _parts[place])
    return [(template, variables) for template, variables in shown if variables is not None]
