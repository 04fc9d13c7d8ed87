"""Show the list of groups: searched, filtered, sorted, split into pages, with totals and charts.

Each value of a row is computed here once, so that the template's loop is plain.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from heapq import nlargest
from operator import attrgetter
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import PosterCredentials
from groups.poster import Group
from groups.poster.fields import plain
from groups.presenters.alphabet import has_all, has_almost_all, spellings
from groups.presenters.lists.list_filters import (
    COLUMNS,
    IN_PLACE,
    SORTS,
    Amounts,
    Link,
    ListForm,
    list_url,
    number_in,
    sort_link,
)
from groups.services.groups import Groups
from groups.services.messages import Message, error_words
from groups.services.values import NumberFormat, type_label

PAGE_SIZE = 50
ONE_PAGE = 100
"""Up to so many groups are one page. With more of them the chart counts groups by percent."""
SHARES = 5
BARS = 20
CENT = Decimal("0.01")
EDGES = (*map(Decimal, (0, 1, 5, 10, 15, 20, 30, 50)), 100 + CENT)


class RowMark(NamedTuple):
    """A mark beside the percent of a group: an icon and words."""

    icon: str
    words: str


type Marks = dict[int, list[RowMark]]
type FindMarks = Callable[[PosterCredentials, Groups], Mapping[int, RowMark]]
"""Takes the credentials and the list; returns marks by the ids of groups, with one query for all of them."""

mark_finders: list[FindMarks] = []


def marks_of(credentials: PosterCredentials, groups: Groups) -> Marks:
    marks: Marks = {}
    for find in mark_finders:
        for group_id, mark in find(credentials, groups).items():
            marks.setdefault(group_id, []).append(mark)
    return marks


class Listing:
    """The groups of a list: those found, as sorted or in Poster's order, and all that its page shows.

    `totals` are those of all groups, whatever the filters. `of_type` counts the groups of each type that
    match the search. `unknown` are the conditions that leave no group out, since what they compare is not
    known. `amounts` are those of the column set that the list asks for, if the user may see it.
    """

    def __init__(
        self,
        groups: Groups,
        filters: ListForm,
        credentials: PosterCredentials,
        *,
        locked_ids: Iterable[int] = (),
        amounts: Amounts | None = None,
        marks: Marks | None = None,
    ) -> None:
        self.groups, self.totals, self.filters = groups, groups.totals, filters
        self.locked_ids, self.amounts, self.marks = frozenset(locked_ids), amounts, marks or {}
        self.numbers, self.url = NumberFormat.current(), list_url()
        params = filters.cleaned_data
        words, number = [spellings(word) for word in params["q"].split()], number_in(params["q"])
        searched: Sequence[Group] = groups.groups
        if words:
            searched = [group for group in searched if group.id == number or has_all(group.name, words)]
            searched = searched or [group for group in groups.groups if has_almost_all(group.name, words)]
        if params["id"]:
            searched = [group for group in searched if group.id in params["id"]]
        self.unknown: list[str] = []
        for condition in filters.active_conditions:
            if test := condition.test(credentials, groups, params):
                searched = list(filter(test, searched))
            else:
                self.unknown.append(str(condition.label))
        self.of_type = self.totals.of_type
        if searched is not groups.groups:
            self.of_type = Counter(group.loyalty_type for group in searched)
        found = searched
        if params["type"]:
            found = [group for group in found if group.loyalty_type == int(params["type"])]
        column = params["sort"].removeprefix("-")
        if key := SORTS.get(column) or (amounts.sort_key(column) if amounts else None):
            # Sort in order of id first: a stable sort keeps ties in that order, in both directions.
            found = sorted(found, key=lambda group: group.id)
            found.sort(key=key, reverse=params["sort"].startswith("-"))
        if number:
            found = sorted(found, key=lambda group: group.id != number)
        self.found_groups = found

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of this page, ready to print, each as `list_table.jinja` takes it apart.

        The bonus is empty where there is none. The bar of the clients has up to `BARS` steps, that of the
        largest group all of them. Amounts of a column set, each with its label, take the place of both.
        """
        numbers, everyone = self.numbers, self.totals.clients
        largest = self.largest[0].clients if self.largest else 1
        types = {number: type_label(number) for number in self.totals.of_type}
        amounts_of = (self.amounts and self.amounts.of_group) or (lambda _group: ())
        for group in self.page.object_list:
            url, locked = f"{self.url}{group.id}/", group.id in self.locked_ids
            amounts = ["" if each is None else numbers.money(each) for each in amounts_of(group)]
            yield (
                group.id,
                group.name,
                url,
                group.is_editable and not locked,
                group.is_bonus,
                types[group.loyalty_type],
                numbers.percent(group.percent),
                numbers.round_money(group.birthday_bonus) if group.birthday_bonus else "",
                numbers.count(group.clients),
                numbers.share(group.clients, everyone),
                -(-BARS * group.clients // largest),
                locked,
                self.marks.get(group.id, ()),
                list(zip(self.amount_labels.values(), amounts, strict=True)),
            )

    @property
    def as_of_words(self) -> str:
        return _("as of %(time)s") % {"time": time_format(localtime(self.groups.as_of), "TIME_FORMAT")}

    @property
    def stale(self) -> Message | None:
        return error_words(self.groups.failure) if self.groups.failure else None

    @property
    def writable(self) -> bool:
        return self.groups.failure is None

    @property
    def empty(self) -> str:
        if self.found_groups:
            return ""
        if self.groups.groups:
            return "no_match"
        return "unreadable" if self.groups.unreadable else "no_groups"

    @property
    def here_href(self) -> str:
        return self.filters.href(page=self.page.number)

    @property
    def refresh_href(self) -> str:
        return self.filters.href(page=self.page.number, refresh=1)

    @property
    def wait_href(self) -> str:
        return self.filters.href(page=self.page.number, wait=1)

    @property
    def create_href(self) -> str:
        name = self.filters.cleaned_data["q"]
        return reverse("groups:create", query={"name": name}) if name else ""

    @property
    def found_words(self) -> str:
        found, total = len(self.found_groups), len(self.groups.groups)
        if found == total:
            words = ngettext("%(found)s group", "%(found)s groups", found)
        else:
            words = ngettext("%(found)s of %(all)s group", "%(found)s of %(all)s groups", total)
        words %= {"found": self.numbers.count(found), "all": self.numbers.count(total)}
        return f"{words}, {self.page_words}" if self.page.has_other_pages() else words

    @property
    def page_words(self) -> str:
        numbers = {"number": self.page.number, "count": self.page.paginator.num_pages}
        return _("page %(number)s of %(count)s") % numbers

    @cached_property
    def amount_labels(self) -> dict[str, str]:
        """Names of the columns of amounts by their keys; none while no amounts are known."""
        return self.amounts.column_set.labels() if self.amounts and self.amounts.of_group else {}

    @cached_property
    def columns(self) -> list[Link]:
        labels, replaced = COLUMNS | self.amount_labels, IN_PLACE if self.amount_labels else ()
        return [
            sort_link(
                key,
                str(label),
                self.filters.cleaned_data["sort"],
                numeric=key not in ("name", "type"),
                href=self.filters.href,
            )
            for key, label in labels.items()
            if key not in replaced
        ]

    @property
    def hidden_columns(self) -> str:
        """The classes by which `list_table.jinja` hides columns: each cell keeps its place in the row."""
        shown = self.filters.shown_columns
        return "".join(f" no-{key}" for key in COLUMNS if key not in shown)

    @property
    def orders(self) -> list[Link]:
        """Sort orders to choose from on a phone: each column in its usual direction, and the current one."""
        return [
            Link(
                label=f"{column.label} {'↓' if backwards else '↑'}",
                key=f"-{column.key}" if backwards else column.key,
                current=column.aria_sort == ("descending" if backwards else "ascending"),
            )
            for column in self.columns
            for backwards in (column.numeric, not column.numeric)
            if backwards == column.numeric or column.current
        ]

    @cached_property
    def page(self) -> Page[Group]:
        """The groups of the page that is asked for; a list of up to ONE_PAGE groups is not split."""
        size = PAGE_SIZE if len(self.found_groups) > ONE_PAGE else ONE_PAGE
        return Paginator(self.found_groups, size).get_page(self.filters.cleaned_data["page"])

    # --- Charts --------------------------------------------------------------------------------------------
    # Coordinates are parts of 100, formatted for SVG: with a decimal point in every language.

    @cached_property
    def largest(self) -> list[Group]:
        """The groups with the most clients, the first of them with the most."""
        largest = nlargest(SHARES, self.groups.groups, key=attrgetter("clients"))
        return [group for group in largest if group.clients]

    @property
    def shares(self) -> list[tuple[str, str, str, str, str, bool]]:
        """The largest groups, and the rest: name, clients, share, place and width of its part, is it a bonus.

        In a large account these have small shares: its chart has the `bands` instead.
        """
        if len(self.groups.groups) > ONE_PAGE:
            return []
        everyone, numbers = self.totals.clients, self.numbers
        parts = [(group.name, group.clients, group.is_bonus) for group in self.largest]
        others = len(self.groups.groups) - len(parts)
        if rest := everyone - sum(clients for _name, clients, _is_bonus in parts):
            more = ngettext("%(n)s more group", "%(n)s more groups", others) % {"n": numbers.count(others)}
            parts.append((more, rest, True))
        shares, x = [], 0.0
        for name, clients, is_bonus in parts:
            width = 100 * clients / everyone
            count, share = numbers.count(clients), numbers.share(clients, everyone)
            shares.append((name, count, share, f"{x:.2f}", f"{width:.2f}", is_bonus))
            x += width
        return shares

    @property
    def bands(self) -> list[tuple[str, str, str, str]]:
        """The ranges of percents of a large account: percents, groups, the filters that find them, width.

        Each range begins at its edge and ends below the next one.
        """
        if len(self.groups.groups) <= ONE_PAGE:
            return []
        bands, numbers, counts = [], self.numbers, Counter[int]()
        for percent, count in self.totals.of_percent.items():
            counts[bisect_right(EDGES, percent)] += count
        for place, count in sorted(counts.items()):
            low, high = EDGES[place - 1], EDGES[place] - CENT
            words = f"{numbers.percent(low)} – {numbers.percent(high)}", numbers.count(count)
            query = f"?percent_from={plain(low)}&percent_to={plain(high)}"
            bands.append((*words, query, f"{100 * count / max(counts.values()):.2f}"))
        return bands
