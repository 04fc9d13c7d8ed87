"""The list of groups as a page shows it: searched, filtered, sorted, cut into pages, and added up.

Everything a row shows is computed here once, so that the template's loop is plain.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.pictures import Picture, make_picture, tenths
from groups.poster import Group, LoyaltyType, UnreadableRow
from groups.services.groups import Groups
from groups.words import Words, error_words, type_label

PAGE_SIZE = 50
ONE_PAGE = 100
"""Up to so many groups are one page."""


def asked_text(params: Mapping[str, str]) -> str:
    """Return what is searched for, without what cannot be in a name."""
    return " ".join(params.get("q", "").replace("\0", "").split())[:100]


def asked_sort(params: Mapping[str, str], known: Container[str]) -> str:
    """Return the column to sort by, with a dash where it runs backwards; nothing for an unknown one."""
    sort = params.get("sort", "")
    return sort if sort.removeprefix("-") in known and not sort.startswith("--") else ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of a list asks for. Unknown values are ignored; defaults are left out of it."""

    q: str = ""
    type: str = ""
    sort: str = ""
    page: int = 1

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Filters":
        page = params.get("page", "")
        return cls(
            q=asked_text(params),
            type=params["type"] if params.get("type") in ("1", "2") else "",
            sort=asked_sort(params, SORTS),
            page=int(page) if page.isascii() and page.isdecimal() and len(page) < 7 and int(page) else 1,
        )

    def href(self, **changes: Any) -> str:
        """Return the address of the list with these changes; a changed filter starts at page 1."""
        return reverse("groups:list") + self.query(**changes)

    def query(self, **changes: Any) -> str:
        """Return the query string with these changes, with its question mark; empty for the plain list."""
        values = {"q": self.q, "type": self.type, "sort": self.sort, "page": 1} | changes
        kept = {key: value for key, value in values.items() if value and (key, value) != ("page", 1)}
        return f"?{urlencode(kept)}" if kept else ""


SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: alphabetical(group.name),
    "type": lambda group: group.loyalty_type,
    "percent": lambda group: group.percent,
    "birthday_bonus": lambda group: group.birthday_bonus,
    "clients": lambda group: group.clients,
}


class Row(NamedTuple):
    """A group as a row shows it: worked out only where it is rendered, not where it is remembered."""

    group: Group
    tenths: int
    locked: bool

    @property
    def id(self) -> int:
        return self.group.id

    @property
    def url(self) -> str:
        return f"{reverse('groups:list')}{self.group.id}/"

    @property
    def type_label(self) -> str:
        return type_label(self.group.loyalty_type)

    @property
    def share(self) -> Decimal:
        return Decimal(self.tenths).scaleb(-1)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to the list in another form: a column to sort by, a filter, a page."""

    label: str
    href: str
    current: bool = False
    key: str = ""
    aria_sort: str = "none"
    numeric: bool = False
    number: int = 0


@dataclass(frozen=True)
class Listing:
    """Everything that the list's page shows."""

    groups: Groups
    filters: Filters
    found_groups: list[Group]
    locked_ids: frozenset[int] = frozenset()

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of this page."""
        first = (self.number - 1) * self.page_size
        return self._rows(self.found_groups[first : first + self.page_size])

    @property
    def all_rows(self) -> list[Row]:
        """The rows of all pages."""
        return self._rows(self.found_groups)

    def _rows(self, groups: list[Group]) -> list[Row]:
        everyone, locked = self.clients, self.locked_ids
        return [Row(group, tenths(group.clients, everyone), group.id in locked) for group in groups]

    @property
    def found(self) -> int:
        return len(self.found_groups)

    @property
    def total(self) -> int:
        return len(self.groups.groups)

    @cached_property
    def clients(self) -> int:
        return sum(map(attrgetter("clients"), self.groups.groups))

    @cached_property
    def _by_type(self) -> Counter[int]:
        return Counter(map(attrgetter("loyalty_type"), self.groups.groups))

    @property
    def bonus_groups(self) -> int:
        return self._by_type[LoyaltyType.BONUS]

    @property
    def discount_groups(self) -> int:
        return self._by_type[LoyaltyType.DISCOUNT]

    @cached_property
    def frame(self) -> tuple[object, ...]:
        """What the page shows beside the rows, the sum of clients and the pictures."""
        counts = self.found, self.total, self.bonus_groups, self.discount_groups
        return self.filters, counts, self.minutes, self.unreadable, repr(self.groups.failure)

    @property
    def unreadable(self) -> tuple[UnreadableRow, ...]:
        return self.groups.unreadable

    @property
    def as_of(self) -> Any:
        return self.groups.as_of

    @property
    def minutes(self) -> tuple[int, int]:
        return self.groups.minutes

    @property
    def stale(self) -> Words | None:
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
    def refresh_href(self) -> str:
        return self.filters.href(page=self.number, refresh=1)

    def export_href(self, extension: str) -> str:
        """Return the address of the file with these very rows."""
        return reverse("groups:export", args=[extension]) + self.filters.query()

    @property
    def export_links(self) -> list[Link]:
        return [Link(label=name, href=self.export_href(name.lower())) for name in ("CSV", "XLSX")]

    @property
    def percents_href(self) -> str:
        """Return the address of the form for the percents of these groups."""
        return reverse("groups:bulk") + self.filters.query()

    @property
    def columns(self) -> list[Link]:
        labels = {
            "name": _("Name"),
            "type": _("Type"),
            "percent": _("Percent"),
            "birthday_bonus": _("Birthday bonus"),
            "clients": _("Clients"),
        }
        return [self._column(key, label) for key, label in labels.items()]

    def _column(self, key: str, label: str) -> Link:
        ascending, descending = self.filters.sort == key, self.filters.sort == f"-{key}"
        return Link(
            label=label,
            key=key,
            href=self.filters.href(sort=f"-{key}" if ascending else key),
            current=ascending or descending,
            aria_sort="ascending" if ascending else "descending" if descending else "none",
            numeric=key not in ("name", "type"),
        )

    @property
    def type_links(self) -> list[Link]:
        choices = {"": _("All"), "1": _("Bonus"), "2": _("Discount")}
        return [
            Link(label=label, href=self.filters.href(type=key), current=self.filters.type == key, key=key)
            for key, label in choices.items()
        ]

    @property
    def active_filters(self) -> list[Link]:
        active = []
        if self.filters.q:
            active.append(Link(label=f"«{self.filters.q}»", href=self.filters.href(q=""), key="q"))
        if self.filters.type:
            active.append(
                Link(label=type_label(int(self.filters.type)), href=self.filters.href(type=""), key="type")
            )
        return active

    # --- Pages ---------------------------------------------------------------------------------------------

    @property
    def page_size(self) -> int:
        return PAGE_SIZE if self.found > ONE_PAGE else ONE_PAGE

    @property
    def page_count(self) -> int:
        return max(1, -(-self.found // self.page_size))

    @property
    def number(self) -> int:
        return min(self.filters.page, self.page_count)

    @property
    def pages(self) -> list[Link]:
        """The pages to go to: the first, the last, and those around this one; a gap has no href."""
        if self.page_count == 1:
            return []
        near = {1, self.page_count, *range(self.number - 2, self.number + 3)}
        links: list[Link] = []
        for number in sorted(number for number in near if 1 <= number <= self.page_count):
            if links and number > links[-1].number + 1:
                links.append(Link(label="…", href=""))
            links.append(self._page(number))
        return links

    def _page(self, number: int) -> Link:
        return Link(
            label=str(number),
            href=self.filters.href(page=number),
            number=number,
            current=number == self.number,
        )

    @property
    def previous_href(self) -> str:
        return self.filters.href(page=self.number - 1) if self.number > 1 else ""

    @property
    def next_href(self) -> str:
        return self.filters.href(page=self.number + 1) if self.number < self.page_count else ""

    @cached_property
    def picture(self) -> Picture:
        return make_picture(self.groups.groups, self.clients)


def make_listing(groups: Groups, filters: Filters, locked_ids: Iterable[int] = ()) -> Listing:
    """Search, filter and sort the groups. Without a wish for a sort they stay in Poster's order."""
    searched = filters.q or filters.type
    found = [each for each in groups.groups if _matches(each, filters)] if searched else list(groups.groups)
    if filters.sort:
        # By id first: a stable sort then keeps ties in that order, also when it runs backwards.
        found.sort(key=lambda group: group.id)
        found.sort(key=SORTS[filters.sort.removeprefix("-")], reverse=filters.sort.startswith("-"))
    return Listing(groups, filters, found, frozenset(locked_ids))


def folded(text: str) -> str:
    """Return a text as it is searched and sorted: without case, with one kind of apostrophe, ё as е."""
    text = unicodedata.normalize("NFC", text).casefold()
    return text.translate(_FOLDS)


def alphabetical(text: str) -> str:
    """Return what a text is sorted by, in the order of the Ukrainian alphabet."""
    return folded(text).translate(_UKRAINIAN_ORDER)


# Unicode has the letters that only Ukrainian knows behind all the others.
_UKRAINIAN_ORDER: dict[int, str] = str.maketrans(
    {"ґ": "г\uffff", "є": "е\uffff", "і": "и\uffff", "ї": "и\uffff\uffff"}
)
_FOLDS = str.maketrans({"ё": "е", "’": "'", "ʼ": "'", "`": "'", "‘": "'", "′": "'"})


def _matches(group: Group, filters: Filters) -> bool:
    if filters.type and group.loyalty_type != int(filters.type):
        return False
    name = folded(group.name)
    return all(word in name for word in folded(filters.q).split())
