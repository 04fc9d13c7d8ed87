"""Everything that a feature may plug into the core.

A feature is an app in a folder: `apps.py` with a subclass of `groups.feature.Feature`, and beside it what it
needs of `models.py`, `urls.py`, `views.py`, `templates/<name>/`, `jinja2/<name>/`, `migrations/`. The
addresses of its `urls.py` join those of the core, in the namespace `groups`. Its `plug_in` calls these:

    def plug_in(self) -> None:
        from groups import hooks
        from groups.features.notes import presenters

        hooks.part("group.cards", "notes/card.html", presenters.card_of)

The core calls what was plugged in, and knows nothing else of the feature.
"""

from bisect import insort
from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise

from groups.models.asked import Asked, asked_kinds
from groups.models.changes import ChangeListener, nothing_changed_listeners
from groups.models.locks import holder_finders
from groups.presenters.changes.change_notes import FindNote, FindWaysBack, note_finders, way_finders
from groups.presenters.changes.warnings import FindWarnings, warning_finders
from groups.presenters.clients.account_clients import ChoiceAction, choice_actions
from groups.presenters.destinations import Source, sources
from groups.presenters.group_actions import GroupAction, ListAction, group_actions, list_actions
from groups.presenters.history_tabs import TabSource, tab_sources
from groups.presenters.holders import HolderNotice, holder_notice
from groups.presenters.lists.column_sets import ColumnSet, column_sets
from groups.presenters.lists.conditions import Condition, conditions
from groups.presenters.lists.group_list import FindMarks, mark_finders
from groups.presenters.places import Begin, Part, Show, parts_by_place
from groups.presenters.settings_pages import SettingsSource, settings_sources
from groups.services.calls.metrics import StateGauge, state_gauges
from groups.services.events import LONGEST_KIND, EventSource, FindEvents, event_sources
from groups.services.groups import ListListener, list_listeners
from groups.services.installation.findings import Examine, parts_of_features
from groups.services.installation.maintenance import FindAccounts, Pruned, Routine, pruned, queues, routines
from groups.services.jobs import kinds
from groups.services.writes import gates
from groups.services.writes.gates import Gate
from groups.services.writes.not_sent import NotSent
from groups.services.writes.submissions import register as register_submissions
from groups.views.go import StartQuery, start_queries
from groups.views.http.requests import SECTIONS
from groups.views.writes.not_sent import Answer, ReadConsent, answer_not_sent, consent_readers
from poster_admin.common.pages import WITHOUT_PAGE
from poster_admin.users.security_log import DETAIL_LABELS

# --- Pages -------------------------------------------------------------------------------------------------


def part(place: str, template: str, show: Show, order: int = 0, *, begin: Begin | None = None) -> None:
    """Draw a template in a place of the core's pages; `groups.presenters.places.PLACES` lists the places.

    `show` takes the request and the things of the place, and returns the variables of the template, or None
    where there is nothing to show. It asks no database for a place that stays empty. Parts with the same
    `order` stay in the order of INSTALLED_APPS.

    In the places that `PLACES` says it of, a part may ask Poster while the page does: `begin` takes the
    request and the id of the group and returns at once, and `show` gets what it returns as the last thing.
    """
    insort(parts_by_place[place], Part(template, show, order, begin), key=attrgetter("order"))


def group_warnings(find_warnings: FindWarnings) -> None:
    """Warn about groups in the forms that edit many of them; see `FindWarnings`."""
    warning_finders.append(find_warnings)


def list_columns(column_set: ColumnSet) -> None:
    """Let the list of groups show columns of amounts where its address asks for them; see `ColumnSet`."""
    column_sets[column_set.key] = column_set


def list_condition(condition: Condition, order: int = 0) -> None:
    """Let the address of the list ask for some of the groups; see `RangeCondition`, `ChoiceCondition`."""
    insort(conditions, (order, condition), key=itemgetter(0))


def list_action(action: ListAction, order: int = 0) -> None:
    """Do something with the groups that a user has chosen in the list; see `ListAction`."""
    insort(list_actions, (order, action), key=itemgetter(0))


def change_note(find_note: FindNote) -> None:
    """Say more about a change on its page, in the history and in the message of success; see `ChangeNote`."""
    note_finders.append(find_note)


def choice_action(action: ChoiceAction) -> None:
    """Do something with the clients that a user has chosen in the search; see `ChoiceAction`."""
    choice_actions.append(action)


def ways_back(find: FindWaysBack) -> None:
    """Offer a page that brings back more than an undo, in the history and in messages; see `WayBack`."""
    way_finders.append(find)


def destinations(source: Source, order: int = 0) -> None:
    """Add the pages and actions of a feature to "Go to" (Ctrl K); `source` takes the user.

    Pages of groups have the order 0, those of clients 2, of the history 10, of the settings 14.
    """
    insort(sources, (order, source), key=itemgetter(0))


def settings_pages(source: SettingsSource, order: int = 0) -> None:
    """Add pages, which extend `settings.html`, to a user's settings and to "Go to"; see `SettingsPage`."""
    insort(settings_sources, (order, source), key=itemgetter(0))


def history_tab(source: TabSource, order: int = 0) -> None:
    """Add pages of the feature to the tabs of the history; see `Tab` and `TabSource`."""
    insort(tab_sources, (order, source), key=itemgetter(0))


def group_action(action: GroupAction, order: int = 0) -> None:
    """Let "Go to" open a form of a group that is named with it: "plan Gold"; see `GroupAction`."""
    insort(group_actions, (order, action), key=itemgetter(0))


def start_page(start_query: StartQuery) -> None:
    """Choose the list of groups that a user begins with: `start_query` returns its query for a user."""
    start_queries.append(start_query)


def row_marks(find: FindMarks) -> None:
    """Mark rows of the list of groups with an icon and words; see `FindMarks`."""
    mark_finders.append(find)


def section(address: str, of: str) -> None:
    """Count the addresses `/<address>/…` as a section of the menu: groups, clients, history or settings."""
    SECTIONS[address] = of


def form_addresses(*names: str) -> None:
    """Name addresses of the feature without a page, as for a form or a file: theirs is the one above."""
    WITHOUT_PAGE.update(f"groups:{name}" for name in names)


def log_words(labels: Iterable[tuple[str, str | Promise]]) -> None:
    """Put values in the details of the security log into words."""
    DETAIL_LABELS.update(labels)


# --- Writes and jobs ---------------------------------------------------------------------------------------


def gate(each: Gate) -> None:
    """Let every write, and every job as a whole, pass a gate before anything is sent; see `Gate`."""
    gates.register(each)


def nothing_changed(listener: ChangeListener) -> None:
    """Call `listener` with each change that has changed nothing, in the transaction that settles it."""
    nothing_changed_listeners.append(listener)


def submissions(rows: QuerySet[Any], order: int = 0) -> None:
    """Find the same form sent twice in these rows too: the id of each is its `operation`; see `Submitted`.

    Where a form has several rows, that of the lowest `order` tells which form it was, and the last one what
    has become of it.
    """
    register_submissions(rows, order)


def holder(rows: QuerySet[Any], notice: Callable[[Any], HolderNotice]) -> None:
    """Let these rows hold locks; `notice` says to users what holds a lock, and where to look.

    A row takes locks by `Lock.objects.take(account_id, keys, feature=<label of its app>, row_id=<its id>)` in
    the transaction that saves it. What it holds is released in the transaction that ends it.
    """
    holder_finders[rows.model._meta.app_label] = lambda pk: rows.get(pk=pk)
    holder_notice.register(rows.model, notice)


def answer[E: NotSent](error: type[E], respond: Answer[E]) -> None:
    """Answer a form whose write was not sent because of an error of the feature; see `answer_not_sent`."""
    answer_not_sent.register(error, respond)


def asked(kind: type[Asked]) -> None:
    """Let rows of the feature be asked for where a gate holds them back; see `Asked`."""
    asked_kinds[kind.kind] = kind


def consent(read: ReadConsent) -> None:
    """Read from each form with which consent its write passes a gate: the columns of `Consent`."""
    consent_readers.append(read)


def job_kind(kind: type[kinds.JobKind]) -> None:
    """Add a kind of jobs, which a worker does; its `Feature` names it in `job_kinds`. See `JobKind`."""
    kinds.register(kind)


# --- Workers and events -------------------------------------------------------------------------------------


def events(kind: str, label: str | Promise, find: FindEvents) -> None:
    """Let users be notified of a kind of events, which they choose under its label.

    `kind` is stored: nine letters at most. An event is told once, by its key; see `groups.services.events`.
    """
    if len(kind) > LONGEST_KIND:
        raise ValueError(f"The kind {kind} is too long.")
    insort(event_sources, EventSource(kind, label, find), key=attrgetter("order"))


def routine(name: str, step: Callable[..., Any], pause: float, accounts: FindAccounts | None = None) -> None:
    """Let each worker repeat a step, `pause` seconds after its end; one that runs once takes a lease."""
    routines.append(Routine(name, step, pause, accounts))


def list_read(listener: ListListener) -> None:
    """Call `listener` with each list that a worker reads from Poster on its own: token, groups, and time."""
    list_listeners.append(listener)


def queue(name: str) -> None:
    """Let each worker empty a queue of tasks beside that of the jobs; settings.TASKS names it too."""
    queues.append(name)


def prune(name: str, forget: Callable[[], int]) -> None:
    """Let `manage.py prune` delete rows whose time is over; `forget` returns their number."""
    pruned.append(Pruned(name, forget))


# --- The state of the installation -------------------------------------------------------------------------


def doctor(part: str, examine: Examine) -> None:
    """Let `manage.py doctor` show a part of the installation; `examine` yields states, each with words."""
    parts_of_features.append((part, examine))


def gauge(name: str, rows_in_words: str, rows: Callable[[], QuerySet[Any]], states: Iterable[str]) -> None:
    """Add a gauge to `/metrics`: the number of rows in each of the states; the rows have a column `state`."""
    state_gauges.append(StateGauge(name, rows_in_words, rows, states))
