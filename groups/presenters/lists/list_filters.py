"""Read the filters of a list from its address, and link to its variants.

Unknown values are ignored, defaults are left out.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from unicodedata import category
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy

from groups.poster import Group
from groups.poster.fields import plain, whole_number
from groups.presenters.alphabet import alphabetical
from groups.presenters.lists.column_sets import amount_labels, column_sets
from groups.services.values import NumberFormat


@cache
def list_url() -> str:
    """Return the address of the list, made once: a page has ten links to it."""
    return reverse("groups:list")


def asked_text(params: Mapping[str, str]) -> str:
    """Return the search text, without characters that a name cannot have, and without those nobody sees.

    The latter come along when a text is pasted: marks of direction, soft hyphens, joiners.
    """
    text = "".join(sign for sign in params.get("q", "") if sign != "\0" and category(sign) != "Cf")
    return " ".join(text.split())[:100]


def asked_sort(params: Mapping[str, str], known: Container[str]) -> str:
    """Return the column to sort by, with a dash for descending order; an empty string for an unknown one."""
    sort = params.get("sort", "")
    return sort if sort.removeprefix("-") in known and not sort.startswith("--") else ""


def asked_percent(params: Mapping[str, str], name: str) -> str:
    """Return a percent of the address in plain digits; an empty string for anything else."""
    text = params.get(name, "").strip().removesuffix("%").rstrip().replace(",", ".")
    if not text.isascii() or len(text) > 6 or text.count(".") > 1 or not text.replace(".", "").isdecimal():
        return ""
    return plain(Decimal(text)) if Decimal(text) <= 100 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to a variant of a list: another sort column, filter, or page.

    At the head of a column `key` is the column, `sort` the order that the link asks for.
    """

    label: str
    href: str = ""
    current: bool = False
    key: str = ""
    sort: str = ""
    aria_sort: str = "none"
    icon: str = ""
    numeric: bool = False
    count: str = ""
    title: str = ""
    note: str = ""


SORT_ICONS = {"none": "sort", "ascending": "up", "descending": "down"}


def sort_link(
    key: str, label: str, present: str, *, numeric: bool, href: Callable[..., str], note: str = ""
) -> Link:
    """Return the head of a column, which sorts by it; `present` is the order of the list now.

    The highest numbers are looked for first, and the first names.
    """
    ascending, descending = present == key, present == f"-{key}"
    downwards = not descending if numeric else ascending
    sort = f"-{key}" if downwards else key
    aria_sort = "ascending" if ascending else "descending" if descending else "none"
    return Link(
        label=label,
        href=href(sort=sort, page=1),
        current=ascending or descending,
        key=key,
        sort=sort,
        aria_sort=aria_sort,
        icon=SORT_ICONS[aria_sort],
        numeric=numeric,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one list, as its address has them."""

    q: str = ""
    type: str = ""
    sort: str = ""
    page: int = 1
    columns: str = ""
    """The key of a column set, or the usual columns."""
    percent_from: str = ""
    percent_to: str = ""
    only: str = ""
    """One of `ONLY`, or all groups."""

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Filters":
        columns = params["columns"] if params.get("columns") in column_sets else ""
        return cls(
            q=asked_text(params),
            type=params["type"] if params.get("type") in ("1", "2") else "",
            sort=asked_sort(params, (*SORTS, *amount_labels(columns))),
            page=whole_number(params.get("page", "")) or 1,
            columns=columns,
            percent_from=asked_percent(params, "percent_from"),
            percent_to=asked_percent(params, "percent_to"),
            only=params["only"] if params.get("only") in ONLY else "",
        )

    @property
    def narrow(self) -> bool:
        """Return True if the filters leave groups out."""
        return bool(self.q or self.type or self.detailed)

    @property
    def detailed(self) -> bool:
        """Return True if a filter beside the type and the search leaves groups out."""
        return bool(self.percent_from or self.percent_to or self.only)

    def accept(self, group: Group, changed_ids: Container[int]) -> bool:
        """Return True if the filters beside the type and the search do not leave a group out."""
        if self.percent_from and group.percent < Decimal(self.percent_from):
            return False
        if self.percent_to and group.percent > Decimal(self.percent_to):
            return False
        match self.only:
            case "bonus":
                return bool(group.birthday_bonus)
            case "empty":
                return not group.clients
            case "changed":
                return group.id in changed_ids
            case _:
                return True

    def active(self, numbers: NumberFormat) -> list[tuple[str, dict[str, str]]]:
        """Return the active filters but the type: each in words, and the changes that take it away."""
        active = (
            (f"«{self.q}»" if self.q else "", {"q": ""}),
            (self.percent_words(numbers), {"percent_from": "", "percent_to": ""}),
            (str(ONLY[self.only]) if self.only else "", {"only": ""}),
        )
        return [(label, without) for label, without in active if label]

    def order_words(self) -> str:
        """Return the column that the list is sorted by, with an arrow; empty for Poster's order."""
        column = self.sort.removeprefix("-")
        labels = COLUMNS | amount_labels(self.columns)
        return f"{labels[column]} {'↓' if column != self.sort else '↑'}" if column else ""

    def percent_words(self, numbers: NumberFormat) -> str:
        """Return the range of percents in words, or an empty string."""
        if not self.percent_from and not self.percent_to:
            return ""
        low = numbers.percent(Decimal(self.percent_from or 0))
        return f"{low} – {numbers.percent(Decimal(self.percent_to or 100))}"

    def href(self, **changes: Any) -> str:
        """Return the address of the list with these changes of the filters."""
        return list_url() + self.query(**changes)

    def query(self, **changes: Any) -> str:
        """Return the query string with these changes, with its question mark; empty for the plain list.

        A changed filter starts at page 1.
        """
        names = ("q", "type", "percent_from", "percent_to", "only", "columns", "sort")
        values = {**{name: getattr(self, name) for name in names}, "page": 1} | changes
        kept = {key: value for key, value in values.items() if value and (key, value) != ("page", 1)}
        return f"?{urlencode(kept)}" if kept else ""


ONLY = {
    "bonus": gettext_lazy("with a birthday bonus"),
    "empty": gettext_lazy("without clients"),
    "changed": gettext_lazy("changed here in the last 7 days"),
}
COLUMNS = {
    "name": gettext_lazy("Name"),
    "type": gettext_lazy("Type"),
    "percent": gettext_lazy("Percent"),
    "birthday_bonus": gettext_lazy("Birthday bonus"),
    "clients": gettext_lazy("Clients"),
}
SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: alphabetical(group.name),
    "type": lambda group: group.loyalty_type,
    "percent": lambda group: group.percent,
    "birthday_bonus": lambda group: group.birthday_bonus,
    "clients": lambda group: group.clients,
}
