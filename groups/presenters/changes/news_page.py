"""Show the changes since the last visit: one line above the list, and a feed grouped by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, ChangeQuerySet
from groups.presenters.changes.change_diff import history_rows
from groups.presenters.lists.list_filters import Link
from groups.services.writes.commands import CreateGroup, RemoveGroup, UpdateGroup

SHOWN = 200
ACTIONS = tuple(kind.action for kind in (CreateGroup, UpdateGroup, RemoveGroup))
_ELSEWHERE = Q(state=Change.State.ELSEWHERE)
PLACES = {"here": ~_ELSEWHERE, "elsewhere": _ELSEWHERE}
A_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class NewsFilters:
    """The filters of the feed; an unknown value filters nothing."""

    made: str = ""
    action: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "NewsFilters":
        made, action = query.get("made", ""), query.get("action", "")
        return cls(made if made in PLACES else "", action if action in ACTIONS else "")

    def narrow(self, changes: ChangeQuerySet) -> ChangeQuerySet:
        """Return the changes that match."""
        if self.made:
            changes = changes.filter(PLACES[self.made])
        return changes.filter(action=self.action) if self.action else changes

    def href(self, **changed: str) -> str:
        """Return the query of a page with other filters."""
        chosen = {"made": self.made, "action": self.action} | changed
        return "?" + urlencode({name: value for name, value in chosen.items() if value})


class NewsPage:
    """The feed of changes since a time, of which at most SHOWN are shown.

    `days` are titles, each with the rows of that day, the latest first.
    """

    def __init__(self, changes: ChangeQuerySet, filters: NewsFilters, *, since: datetime, user: User) -> None:
        found = list(filters.narrow(changes)[: SHOWN + 1])
        self.has_more = len(found) > SHOWN
        self.count_words = changes_words(min(len(found), SHOWN))
        self.filters = filters
        self.since_words = since_words(since)
        self.since_day = localtime(since).date()
        rows = history_rows(found[:SHOWN], user)
        today = timezone.localdate()
        names = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
        self.days = [
            (names.get(day) or date_format(day, "DATE_FORMAT"), list(of_day))
            for day, of_day in groupby(rows, key=lambda row: row["when"].date())
        ]

    @property
    def place_links(self) -> list[Link]:
        labels = {"": _("All"), "here": _("Here"), "elsewhere": _("Elsewhere")}
        return [
            Link(label=label, href=self.filters.href(made=made), current=self.filters.made == made)
            for made, label in labels.items()
        ]

    @property
    def action_links(self) -> list[Link]:
        labels = {"": _("All"), **{action.value: str(action.label).capitalize() for action in ACTIONS}}
        return [
            Link(label=label, href=self.filters.href(action=action), current=action == self.filters.action)
            for action, label in labels.items()
        ]


def news_line(since: datetime, count: int, elsewhere: int) -> str:
    """Return one line: "Since Tuesday: 3 changes, 1 of them in Poster, not here"; empty if there are none."""
    if not count:
        return ""
    line = f"{since_words(since)}: {changes_words(count)}"
    if not elsewhere:
        return line
    words = ngettext(
        "%(count)s of them in Poster, not here", "%(count)s of them in Poster, not here", elsewhere
    )
    return f"{line}, {words % {'count': elsewhere}}"


def changes_words(count: int) -> str:
    """Return a count of changes in words: "3 changes"."""
    return ngettext("%(count)s change", "%(count)s changes", count) % {"count": count}


def since_words(since: datetime) -> str:
    """Return the beginning of a time in words: "Since 9:15", "Since Tuesday", or with the date."""
    moment, today = localtime(since), timezone.localdate()
    if moment.date() == today:
        return _("Since %(moment)s") % {"moment": date_format(moment, "TIME_FORMAT")}
    if today - moment.date() > A_WEEK:
        return _("Since %(moment)s") % {"moment": date_format(moment, "DATE_FORMAT")}
    weekdays = (
        _("Since Monday"),
        _("Since Tuesday"),
        _("Since Wednesday"),
        _("Since Thursday"),
        _("Since Friday"),
        _("Since Saturday"),
        _("Since Sunday"),
    )
    return weekdays[moment.weekday()]
