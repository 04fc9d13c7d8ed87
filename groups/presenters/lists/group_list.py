"""Show the list of groups: searched, filtered, sorted, split into pages, with totals.

Each value of a row is computed here once, so that the template's loop is plain.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from groups.models import PosterCredentials
from groups.poster import Group, GroupTotals, LoyaltyType
from groups.presenters.alphabet import has_all, has_almost_all, spellings
from groups.presenters.lists.charts import Charts, make_charts
from groups.presenters.lists.column_sets import Amounts
from groups.presenters.lists.conditions import judge
from groups.presenters.lists.list_filters import (
    COLUMNS,
    IN_PLACE,
    SORTS,
    Filters,
    Link,
    list_url,
    number_in,
    sort_link,
)
from groups.presenters.messages import Message, error_words
from groups.services.groups import Groups
from groups.services.values import NumberFormat, type_label

PAGE_SIZE = 50
ONE_PAGE = 100
"""Up to so many groups are one page."""


class RowMark(NamedTuple):
    """A mark below the name of a group: an icon and words."""

    icon: str
    words: str


type Marks = Mapping[int, tuple[RowMark, ...]]
"""The marks of groups by their ids; most have none."""

type FindMarks = Callable[[PosterCredentials, Groups, Collection[int]], Mapping[int, RowMark]]
"""Takes the credentials, the list, and the ids of its groups with an open change.

Returns marks by the ids of the groups, with one query for all of them.
"""

mark_finders: list[FindMarks] = []


def marks_of(credentials: PosterCredentials, groups: Groups, locked_ids: Collection[int]) -> Marks:
    """Return the marks of the groups."""
    marks: dict[int, tuple[RowMark, ...]] = {}
    for find in mark_finders:
        for group_id, mark in find(credentials, groups, locked_ids).items():
            marks[group_id] = (*marks.get(group_id, ()), mark)
    return marks


class GroupRow(NamedTuple):
    """One line of the list, ready to print, in the order in which `list_table.jinja` takes it apart.

    `choose` names the box of the row. `edit_url` is empty for a group that cannot be edited now, `bonus`
    where there is none. `amounts` are those of a column set, each with its label, in place of `bonus` and
    `clients`. `marks` are drawn below the name.
    """

    id: int
    choose: str
    name: str
    url: str
    edit_url: str
    is_bonus: bool
    type: str
    percent: str
    bonus: str
    clients: str
    share: str
    locked: bool
    marks: tuple[RowMark, ...] = ()
    amounts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The place of a group in a list, and links to the groups before and after it that keep its filters."""

    previous: Link | None
    next: Link | None
    number: str
    count: str


@dataclass(frozen=True)
class Listing:
    """Everything that the page of the list shows."""

    groups: Groups
    totals: GroupTotals
    """The totals of all groups, whatever the filters."""
    filters: Filters
    found_groups: Sequence[Group]
    of_type: Counter[int]
    """Number of groups of each type that match the search."""
    locked_ids: frozenset[int] = frozenset()
    amounts: Amounts | None = None
    """The amounts of the column set that the list asks for, if the user may see it."""
    marks: Marks = field(default_factory=dict)
    numbers: NumberFormat = field(default_factory=NumberFormat.current)
    url: str = field(default_factory=list_url)
    unknown: Sequence[str] = ()
    """The conditions that leave no group out, since what they compare is not known."""

    def only(self, group_id: int) -> "Listing | None":
        """Return the list with this group alone, or None if there is no such group.

        The filters do not count: a group that no longer fits them after an edit stays where it stands.
        """
        groups = [group for group in self.groups.groups if group.id == group_id]
        filters = Filters(columns=self.filters.columns)
        return replace(self, found_groups=groups, filters=filters) if groups else None

    def around(self, group_id: int) -> Neighbours | None:
        """Return the neighbours of a group, or None if the list has no such group or no other one."""
        found = self.found_groups
        place = next((place for place, group in enumerate(found) if group.id == group_id), None)
        if place is None or len(found) == 1:
            return None

        def link(group: Group) -> Link:
            return Link(label=group.name, href=f"{self.url}{group.id}/{self.filters.query()}")

        return Neighbours(
            previous=link(found[place - 1]) if place else None,
            next=link(found[place + 1]) if place + 1 < len(found) else None,
            number=self.numbers.count(place + 1),
            count=self.numbers.count(len(found)),
        )

    @cached_property
    def rows(self) -> list[GroupRow]:
        """The rows of this page."""
        numbers, everyone, choose = self.numbers, self.totals.clients, _("Choose")
        types = {number: type_label(number) for number in self.totals.of_type}
        amounts_of = (self.amounts and self.amounts.of_group) or (lambda _group: ())
        rows = []
        for group in self.page.object_list:
            url, locked = f"{self.url}{group.id}/", group.id in self.locked_ids
            amounts = ["" if each is None else numbers.money(each) for each in amounts_of(group)]
            rows.append(
                GroupRow(
                    id=group.id,
                    choose=f"{choose}: {group.name}",
                    name=group.name,
                    url=url,
                    edit_url=f"{url}edit/" if group.is_editable and not locked else "",
                    is_bonus=group.is_bonus,
                    type=types[group.loyalty_type],
                    percent=numbers.percent(group.percent),
                    bonus=numbers.money(group.birthday_bonus) if group.birthday_bonus else "",
                    clients=numbers.count(group.clients),
                    share=numbers.share(group.clients, everyone),
                    locked=locked,
                    marks=self.marks.get(group.id, ()),
                    amounts=tuple(zip(self.amount_labels.values(), amounts, strict=True)),
                )
            )
        return rows

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Totals above the list, each a label and a number. The choices of the type count the groups."""
        return [(ngettext("client", "clients", self.totals.clients), self.numbers.count(self.totals.clients))]

    @property
    def as_of_words(self) -> str:
        """Time of Poster's answer, in words."""
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
        """Address of this list once Poster has answered."""
        return self.filters.href(page=self.page.number, wait=1)

    @property
    def export_words(self) -> list[tuple[str, str]]:
        """The types of the files with the same rows, each with the words of its link."""
        found = len(self.found_groups)
        text = ngettext("Save %(n)s group as %(kind)s", "Save %(n)s groups as %(kind)s", found)
        return [(kind.lower(), text % {"n": found, "kind": kind}) for kind in ("CSV", "XLSX")]

    @property
    def create_href(self) -> str:
        """Address of the form for a group of the searched name; empty without a search."""
        return reverse("groups:create", query={"name": self.filters.q}) if self.filters.q else ""

    @property
    def found_words(self) -> str:
        """Number of groups found, and the number of this page, in words."""
        found, total = len(self.found_groups), len(self.groups.groups)
        if found == total:
            words = ngettext("%(found)s group", "%(found)s groups", found)
        else:
            words = ngettext("%(found)s of %(all)s group", "%(found)s of %(all)s groups", total)
        words %= {"found": self.numbers.count(found), "all": self.numbers.count(total)}
        return f"{words}, {self.page_words}" if self.pages else words

    @property
    def page_words(self) -> str:
        numbers = {"number": self.page.number, "count": self.page.paginator.num_pages}
        return _("page %(number)s of %(count)s") % numbers

    @cached_property
    def columns(self) -> list[Link]:
        labels = {key: str(label) for key, label in COLUMNS.items()}
        if self.amount_labels:
            del labels["birthday_bonus"], labels["clients"]
            labels |= self.amount_labels
        return [
            sort_link(
                key,
                label,
                self.filters.sort,
                numeric=key not in ("name", "type"),
                href=self.filters.href,
                note=pgettext("of all clients", "share") if key == "clients" else "",
            )
            for key, label in labels.items()
        ]

    @property
    def kept_by_search(self) -> list[tuple[str, str]]:
        """The parameters that the search sends along, beside its own fields."""
        return [each for each in self.filters.params.items() if each[0] not in ("q", "sort")]

    @property
    def hidden_columns(self) -> str:
        """The classes by which `list_table.jinja` hides columns: each cell keeps its place in the row."""
        if not self.filters.columns:
            return ""
        shown = {"name", *self.filters.shown_columns, *(IN_PLACE if self.filters.column_set else ())}
        return "".join(f" no-{key}" for key in COLUMNS if key not in shown)

    @cached_property
    def amount_labels(self) -> dict[str, str]:
        """Names of the columns of amounts by their keys; none while no amounts are known."""
        return self.amounts.column_set.labels() if self.amounts and self.amounts.of_group else {}

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
    def type_links(self) -> list[Link]:
        choices = (
            ("", _("All"), self.of_type.total()),
            ("1", pgettext("groups of a type", "Bonus"), self.of_type[LoyaltyType.BONUS]),
            ("2", pgettext("groups of a type", "Discount"), self.of_type[LoyaltyType.DISCOUNT]),
        )
        return [
            Link(
                label=label,
                href=self.filters.href(type=key),
                current=self.filters.type == key,
                key=key,
                count=self.numbers.count(count),
            )
            for key, label, count in choices
        ]

    # --- Pages ---------------------------------------------------------------------------------------------

    @cached_property
    def page(self) -> Page[Group]:
        """The groups of the page that is asked for; a list of up to ONE_PAGE groups is not split."""
        size = PAGE_SIZE if len(self.found_groups) > ONE_PAGE else ONE_PAGE
        return Paginator(self.found_groups, size).get_page(self.filters.page)

    @cached_property
    def pages(self) -> list[Link]:
        """Links to the first page, the last one, and those around the current one; a gap has no href."""
        if not self.page.has_other_pages():
            return []
        numbers = self.page.paginator.get_elided_page_range(self.page.number, on_each_side=2, on_ends=1)
        return [
            Link(
                label=str(number),
                href=self.filters.href(page=number) if isinstance(number, int) else "",
                current=number == self.page.number,
            )
            for number in numbers
        ]

    @cached_property
    def charts(self) -> Charts:
        return make_charts(self.groups.groups, self.totals, self.numbers)


def make_listing(
    groups: Groups,
    filters: Filters,
    credentials: PosterCredentials,
    *,
    locked_ids: Iterable[int] = (),
    amounts: Amounts | None = None,
    marks: Marks | None = None,
) -> Listing:
    """Search, filter and sort the groups. Without a sort filter they stay in Poster's order."""
    column = filters.sort.removeprefix("-")
    whole, totals = groups.groups, groups.totals
    words, number = [spellings(word) for word in filters.q.split()], number_in(filters.q)
    searched: Sequence[Group] = whole
    if words:
        searched = [group for group in whole if group.id == number or has_all(group.name, words)]
        searched = searched or [group for group in whole if has_almost_all(group.name, words)]
    if filters.ids:
        searched = [group for group in searched if group.id in filters.ids]
    tests, unknown = judge(filters.conditions, credentials, groups)
    for test in tests:
        searched = list(filter(test, searched))
    found = searched
    if filters.type:
        found = [group for group in found if group.loyalty_type == int(filters.type)]
    if key := SORTS.get(column) or (amounts.sort_key(column) if amounts else None):
        # Sort in order of id first: a stable sort keeps ties in that order, in both directions.
        found = sorted(found, key=lambda group: group.id)
        found.sort(key=key, reverse=filters.sort.startswith("-"))
    if number:
        found = sorted(found, key=lambda group: group.id != number)
    of_type = totals.of_type if searched is whole else Counter(group.loyalty_type for group in searched)
    return Listing(
        groups=groups,
        totals=totals,
        filters=filters,
        found_groups=found,
        of_type=of_type,
        locked_ids=frozenset(locked_ids),
        amounts=amounts,
        marks=marks or {},
        unknown=unknown,
    )
