"""Show the list of groups: searched, filtered, sorted, split into pages, with totals.

Each value of a row is computed here once, so that the template's loop is plain.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from groups.poster import Group, GroupTotals, LoyaltyType, UnreadableRow
from groups.presenters.lists.charts import Picture, make_picture, share_words
from groups.presenters.lists.column_sets import Amounts
from groups.presenters.lists.group_row import GroupRow
from groups.presenters.lists.group_search import search
from groups.presenters.lists.links import Link
from groups.presenters.lists.list_filters import COLUMNS, ONLY, SORTS, Filters
from groups.presenters.lists.row_marks import Marks
from groups.presenters.messages import Message, error_words
from groups.services.groups import Groups
from groups.services.values import NumberFormat, type_label

PAGE_SIZE = 50
ONE_PAGE = 100
"""Up to so many groups are one page."""


@dataclass(frozen=True)
class Listing:
    """Everything that the page of the list shows."""

    groups: Groups
    filters: Filters
    found_groups: list[Group]
    of_type: Counter[int]
    """Number of groups of each type that match the search."""
    locked_ids: frozenset[int] = frozenset()
    amounts: Amounts | None = None
    """The amounts of the column set that the list asks for, if the user may see it."""
    marks: Marks = field(default_factory=dict)

    def only(self, group_id: int) -> "Listing | None":
        """Return the list with this group alone, or None if there is no such group.

        The filters do not count: a group that no longer fits them after an edit stays where it stands.
        """
        groups = [group for group in self.groups.groups if group.id == group_id]
        filters = Filters(columns=self.filters.columns)
        return replace(self, found_groups=groups, filters=filters) if groups else None

    @cached_property
    def rows(self) -> list[GroupRow]:
        """The rows of this page."""
        return [self._row(group) for group in self.page]

    def _row(self, group: Group) -> GroupRow:
        numbers = self.numbers
        url = f"{self.url}{group.id}/"
        bonus = group.birthday_bonus
        locked = group.id in self.locked_ids
        return GroupRow(
            id=group.id,
            name=group.name,
            url=url,
            edit_url=f"{url}edit/" if group.is_editable and not locked else "",
            kind="bonus" if group.is_bonus else "",
            type=self._type_labels[group.loyalty_type],
            percent=numbers.percent(group.percent),
            bonus=numbers.money(bonus) if bonus else "",
            clients=numbers.count(group.clients),
            share=share_words(group.clients, self.clients, numbers),
            locked=locked,
            marks=self.marks.get(group.id, ()),
            amounts=self._amounts_of(group),
        )

    def _amounts_of(self, group: Group) -> tuple[str, ...]:
        if not self.amounts or not self.amounts.of:
            return ()
        return tuple(
            "" if amount is None else self.numbers.money(amount) for amount in self.amounts.of(group)
        )

    @cached_property
    def _type_labels(self) -> dict[int, str]:
        return {number: type_label(number) for number in self.totals.of_type}

    @cached_property
    def numbers(self) -> NumberFormat:
        """Number format of this list."""
        return NumberFormat.current()

    @cached_property
    def url(self) -> str:
        return reverse("groups:list")

    def href(self, **changes: Any) -> str:
        """Return the address of the list with these changes of the filters."""
        return self.url + self.filters.query(**changes)

    @property
    def found(self) -> int:
        return len(self.found_groups)

    @property
    def total(self) -> int:
        return len(self.groups.groups)

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Totals above the list, each a label and a number. The choices of the type count the groups."""
        return [(ngettext("client", "clients", self.clients), self.numbers.count(self.clients))]

    @property
    def totals(self) -> GroupTotals:
        return self.groups.totals

    @property
    def clients(self) -> int:
        return self.totals.clients

    @property
    def unreadable(self) -> tuple[UnreadableRow, ...]:
        return self.groups.unreadable

    @property
    def as_of(self) -> Any:
        return self.groups.as_of

    @property
    def as_of_words(self) -> str:
        """Time of Poster's answer, in words."""
        return _("as of %(time)s") % {"time": time_format(localtime(self.as_of), "TIME_FORMAT")}

    @property
    def stale(self) -> Message | None:
        return error_words(self.groups.failure) if self.groups.failure else None

    @property
    def writable(self) -> bool:
        return self.groups.failure is None

    @property
    def empty(self) -> str:
        if self.found:
            return ""
        if self.total:
            return "no_match"
        return "unreadable" if self.unreadable else "no_groups"

    @property
    def here_href(self) -> str:
        return self.href(page=self.number)

    @property
    def refresh_href(self) -> str:
        return self.href(page=self.number, refresh=1)

    @property
    def export_links(self) -> list[Link]:
        """Links to the files with the same rows, each with its tooltip."""
        title = ngettext("Save %(n)s group as %(kind)s", "Save %(n)s groups as %(kind)s", self.found)
        return [
            Link(
                label=kind,
                href=reverse("groups:export", args=[kind.lower()]) + self.filters.query(),
                title=title % {"n": self.found, "kind": kind},
                count=self.numbers.count(self.found),
            )
            for kind in ("CSV", "XLSX")
        ]

    @property
    def chips(self) -> list[Link]:
        """The active filters but the type, each with the address without it."""
        active = self.filters.active(self.numbers)
        return [Link(label=label, href=self.href(**without)) for label, without in active]

    @property
    def create_href(self) -> str:
        """Address of the form for a group of the searched name; empty without a search."""
        return reverse("groups:create", query={"name": self.filters.q}) if self.filters.q else ""

    @property
    def only_choices(self) -> list[Link]:
        """Choices beside the type, for the filter panel."""
        only = self.filters.only
        return [Link(label=str(label), href="", key=key, current=key == only) for key, label in ONLY.items()]

    @property
    def found_words(self) -> str:
        """Number of groups found, and the number of this page, in words."""
        found, total = self.numbers.count(self.found), self.numbers.count(self.total)
        if self.found == self.total:
            words = ngettext("%(found)s group", "%(found)s groups", self.found) % {"found": found}
        else:
            words = ngettext("%(found)s of %(all)s group", "%(found)s of %(all)s groups", self.total)
            words %= {"found": found, "all": total}
        if self.page_count == 1:
            return words
        return f"{words}, {self.page_words}"

    @property
    def page_words(self) -> str:
        return _("page %(number)s of %(count)s") % {"number": self.number, "count": self.page_count}

    @cached_property
    def columns(self) -> list[Link]:
        labels = {key: str(label) for key, label in COLUMNS.items()}
        if self.amount_labels:
            del labels["birthday_bonus"], labels["clients"]
            labels |= self.amount_labels
        return [self._column(key, label) for key, label in labels.items()]

    def _column(self, key: str, label: str) -> Link:
        ascending, descending = self.filters.sort == key, self.filters.sort == f"-{key}"
        # The highest numbers are looked for first, and the first names.
        numeric = key not in ("name", "type")
        downwards = not descending if numeric else ascending
        return Link(
            label=label,
            key=key,
            href=self.href(sort=f"-{key}" if downwards else key),
            current=ascending or descending,
            aria_sort="ascending" if ascending else "descending" if descending else "none",
            numeric=numeric,
            note=pgettext("of all clients", "share") if key == "clients" else "",
        )

    @cached_property
    def amount_labels(self) -> dict[str, str]:
        """Names of the columns of amounts by their keys; none while no amounts are known."""
        return self.amounts.column_set.labels() if self.amounts and self.amounts.of else {}

    @property
    def orders(self) -> list[Link]:
        """Sort orders to choose from on a phone: each column in its usual direction, and the current one."""
        return [
            Link(
                label=f"{column.label} {'↓' if backwards else '↑'}",
                href="",
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
                href=self.href(type=key),
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
        size = PAGE_SIZE if self.found > ONE_PAGE else ONE_PAGE
        return Paginator(self.found_groups, size).get_page(self.filters.page)

    @property
    def page_count(self) -> int:
        return self.page.paginator.num_pages

    @property
    def number(self) -> int:
        return self.page.number

    @cached_property
    def pages(self) -> list[Link]:
        """Links to the first page, the last one, and those around the current one; a gap has no href."""
        if not self.page.has_other_pages():
            return []
        numbers = self.page.paginator.get_elided_page_range(self.number, on_each_side=2, on_ends=1)
        return [
            Link(
                label=str(number),
                href=self.href(page=number) if isinstance(number, int) else "",
                current=number == self.number,
            )
            for number in numbers
        ]

    @property
    def previous_href(self) -> str:
        return self.href(page=self.page.previous_page_number()) if self.page.has_previous() else ""

    @property
    def next_href(self) -> str:
        return self.href(page=self.page.next_page_number()) if self.page.has_next() else ""

    @cached_property
    def picture(self) -> Picture:
        return make_picture(self.groups.groups, self.totals, self.numbers)


def make_listing(
    groups: Groups,
    filters: Filters,
    locked_ids: Iterable[int] = (),
    amounts: Amounts | None = None,
    changed_ids: Container[int] = (),
    marks: Marks | None = None,
) -> Listing:
    """Search, filter and sort the groups. Without a sort filter they stay in Poster's order."""
    column = filters.sort.removeprefix("-")
    searched = search(groups.groups, filters.q)
    if filters.detailed:
        searched = [group for group in searched if filters.let_pass(group, changed_ids)]
    found = list(searched)
    if filters.type:
        found = [group for group in found if group.loyalty_type == int(filters.type)]
    if key := SORTS.get(column) or _sort_key(amounts, column):
        # Sort in order of id first: a stable sort keeps ties in that order, in both directions.
        found.sort(key=lambda group: group.id)
        found.sort(key=key, reverse=filters.sort.startswith("-"))
    whole = searched is groups.groups
    of_type = groups.totals.of_type if whole else Counter(map(attrgetter("loyalty_type"), searched))
    return Listing(groups, filters, found, of_type, frozenset(locked_ids), amounts, marks or {})


def _sort_key(amounts: Amounts | None, column: str) -> Callable[[Group], Decimal] | None:
    """Return the key that sorts by a column of amounts, or None; a group without an amount counts as 0."""
    if not amounts or not amounts.of or not column:
        return None
    amounts_of, place = amounts.of, list(amounts.column_set.labels()).index(column)
    return lambda group: amounts_of(group)[place] or Decimal(0)
