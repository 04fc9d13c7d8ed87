"""Let features add parts to the pages of the core, and tabs to its history.

A place is a spot in a template of the core, as `{% place "group.cards" one %}`. Each part that is drawn
there is a template with its variables. In a `.jinja` file a place is a loop over `parts_of("list.tools",
request, listing)` that includes each template, whose variables are those of `part`. A view that has to know
whether there are parts asks `parts_of`, and its template has `{% parts found %}`. So has one whose parts may
ask Poster while the view does: `begin_parts`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import pgettext

PLACES = {
    "account.form": "The form that connects an account, where none is; shown with (request).",
    "account.sections": "The page of the account, below the token; shown with (request, credentials).",
    "account.watch": "The card of the watch for changes made elsewhere; shown with (request, credentials).",
    "guide.protection": "The last of the first steps: what keeps people from harm; shown with "
    "(request), by the template `groups/installation/protection.html`.",
    "nav": "Entries of the main navigation, behind History; a `.jinja` template, shown with (request, "
    "credentials). The one of this page has `aria-current`.",
    "list.tabs": "Above the list; a `.jinja` template, shown with (request, listing).",
    "list.narrowed": "Beside the filters of the list; a `.jinja` template, shown with (request, listing).",
    "list.bar": "The bar of the list, before its menu of actions; a `.jinja` template, shown with (request, "
    "listing).",
    "list.tools": "The menu of actions for the list; a `.jinja` template, shown with (request, listing).",
    "list.files": "What the list can be saved as; a `.jinja` template, shown with (request, listing).",
    "clients.head": "Buttons beside the heading of the search of clients; shown with (request).",
    "members.actions": "The bar for the clients of a group, a form with the id `chosen`; shown with "
    "(request, page), as `member_page` returns it.",
    "group.menu": "The menu of actions for a group; shown with (request, one), a `OneGroup`.",
    "group.actions": "Buttons beside the name of a group whose values are certain; shown with (request, one, "
    "is_held): a `OneGroup`, and True if something holds its members or its future.",
    "group.top": "First beside the facts of a group: what is planned or waits; shown with (request, "
    "one, change): its open change, or None.",
    "group.facts": "Further facts of a group, each a `<div>` with `<dt>` and `<dd>`; shown with (request, "
    "one).",
    "group.cards": "Cards beside the facts of a group, above its latest changes; shown with (request, one). "
    "They may begin beside the page.",
    "group.figures": "The cards of a group, between its facts and its clients; shown with (request, one).",
    "form.head": "Above a form of a group, and the page that asks about it; shown with (request, group).",
    "form.percent": "Below the percent in a form of a group; shown with (request, group, command): None for "
    "a new group; the command that the page asks about, or None.",
    "cost.below": "Below what a percent of a group costs, on its page; shown with (request, group).",
    "form.end": "Below a form of a group, and the page that asks about it; shown with (request, group).",
    "check.cards": "The page that asks about a change or shows a request; shown with (request, command).",
    "plan.cards": "The page of many planned edits, and its fragment `cost`; shown with (request, edits): of "
    "each group its id, and its old and new values.",
    "request.job": "The page of a request for a job; shown with (request, job, groups): those that it edits, "
    "as they are now, or None.",
    "removal.cards": "The page before a group goes; shown with (request, group_id). They may begin "
    "beside the page.",
    "removal.doubts": "Reasons to ask before an empty group goes; shown with (request, group_id).",
    "removal.ways_out": "Items of the list of what to do instead of a removal with clients, first how to "
    "keep the clients; shown with (request, group).",
    "removal.losses": "What becomes of the clients of a group that goes; shown with (request, group).",
    "group.lost": "The list of what does not come back with a group; shown with (request, group_id).",
    "group.gone": "The page of a group that was removed; shown with (request, removal), a `Change`.",
    "change.who": "Beside the name of who made a change, on its page; shown with (request, change).",
    "write.facts": "The facts of a change or a job, below who made it; shown with (request, row).",
    "history.words": "The words about a change in a row of the history; a `.jinja` template, shown with "
    "(request, change).",
}

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


parts_by_place: dict[str, list[Part]] = {place: [] for place in PLACES}
"""The parts of each place, those of a lower `order` first."""


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
