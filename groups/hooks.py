"""The places of the core into which a feature plugs its own, each used where the thing is written.

As a process starts, `GroupsConfig.ready` imports `services`, `presenters` and `views` of each feature, in the
order of INSTALLED_APPS; a package imports those of its modules that plug something in.

    @hooks.part("group.cards", "notes/card.html")
    def card_of(request, one): ...

Here is what belongs to pages. Services use what stands next to the code that asks them:

- `gates.register`, `submissions.register` in `groups.services.writes`: what every write and job has to pass
  first; rows in which the same form sent twice is found
- `kinds.register` in `groups.services.jobs`: a kind of jobs, which a worker does
- `approvable`, `nothing_changed` in `groups.models`: rows that can be requested where a gate
  holds them back; a listener to each change that has changed nothing
- `holder_finders` in `groups.models.locks`, `holder_notice` in `groups.services.messages`: rows that hold
  locks, and what users read of them. A row takes locks by `Lock.objects.take(account_id, keys,
  feature=<label of its app>, row_id=<its id>)` in the transaction that saves it. What it holds is released in
  the transaction that ends it
- `event_source` in `groups.services.events`: a kind of events, of which users are notified
- `routine`, `prune` in `groups.services.installation.maintenance`: steps of workers, rows to delete
- `parts_of_features` in `groups.services.installation.doctor`: a part of what `manage.py doctor` shows

What has an `order` stands behind what has a lower one, and behind what came before with the same.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from groups.presenters.changes import note_finders, way_finders
from groups.presenters.destinations import sources
from groups.presenters.lists import conditions, mark_finders
from groups.presenters.places import Begin, Part, Show, parts_by_place
from groups.presenters.settings_pages import settings_sources
from groups.views.http import SECTIONS
from groups.views.settings import start_queries
from groups.views.writes import consent_readers
from poster_admin.common.pages import WITHOUT_PAGE


def _into[T](found: list[T]) -> Callable[[T], T]:
    def add(each: T) -> T:
        found.append(each)
        return each

    return add


@dataclass(frozen=True)
class _InOrder[T]:
    found: list[tuple[int, T]]

    def __call__(self, each: T, *, order: int = 0) -> T:
        insort(self.found, (order, each), key=itemgetter(0))
        return each


def part[S: Show](
    place: str, template: str, *, order: int = 0, begin: Begin | None = None
) -> Callable[[S], S]:
    """Draw a template in a place of the core's pages; `docs/places.md` lists the places.

    The function takes the request and the things of the place, and returns the variables of the template, or
    None where there is nothing to show. It asks no database for a place that stays empty.

    In the places that it says it of, a part may ask Poster while the page does: `begin` takes the
    request and the id of the group and returns at once, and the function gets what it returns as the last
    thing.
    """

    def add(show: S) -> S:
        insort(parts_by_place[place], Part(template, show, order, begin), key=attrgetter("order"))
        return show

    return add


change_note = _into(note_finders)
"""Say more about a change on its page, in the history and in the message of success; see `ChangeNote`."""
ways_back = _into(way_finders)
"""Offer a page that brings back more than an undo, in the history and in messages; see `WayBack`."""
row_marks = _into(mark_finders)
"""Mark rows of the list of groups with an icon and words."""
start_page = _into(start_queries)
"""Return the query of the list of groups that a user begins with."""
consent = _into(consent_readers)
"""Read from each form with which consent its write passes a gate: the columns of `Consent`."""


settings_pages = _InOrder(settings_sources)
"""Add pages, which extend `settings.html`, to a user's settings and to "Go to"; see `SettingsPage`."""
destinations = _InOrder(sources)
"""Add the pages and actions of a feature to "Go to" (Ctrl K); see `pages_for`.

Pages of groups have the order 0, those of clients 2, of the history 10, of the settings 14.
"""
list_condition = _InOrder(conditions)
"""Let the address of the list ask for some of the groups; see `RangeCondition`, `ChoiceCondition`."""


def section(address: str, of: str) -> None:
    """Count the addresses `/<address>/…` as a section of the menu: groups, clients, history or settings."""
    SECTIONS[address] = of


def form_addresses(*names: str) -> None:
    """Name addresses of the feature without a page, as for a form or a file: theirs is the one above."""
    WITHOUT_PAGE.update(f"groups:{name}" for name in names)
