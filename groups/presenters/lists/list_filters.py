"""Read the filters of a list from its address, and link to its variants.

Unknown values are ignored, defaults are left out.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from unicodedata import category
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from groups.poster import Group
from groups.poster.fields import whole_number
from groups.presenters.alphabet import alphabetical
from groups.presenters.lists.column_sets import amount_labels, column_sets
from groups.presenters.lists.conditions import asked_conditions, parse_conditions
from groups.services.values import NumberFormat


@cache
def list_url() -> str:
    """Return the address of the list: each page has it a dozen times."""
    return reverse("groups:list")


def asked_text(params: Mapping[str, str]) -> str:
    """Return the search text, without characters that a name cannot have, and without those nobody sees.

    The latter come along when a text is pasted: marks of direction, soft hyphens, joiners.
    """
    text = "".join(sign for sign in params.get("q", "") if sign != "\0" and category(sign) != "Cf")
    return " ".join(text.split())[:100]


def number_in(text: str) -> int | None:
    """Return the number of a group that is searched for: 4 of "4", "№ 4" and "#4"; None of another text."""
    return whole_number(text.lstrip("№#").strip())


def asked_sort(params: Mapping[str, str], known: Container[str]) -> str:
    """Return the column to sort by, with a dash for descending order; an empty string for an unknown one."""
    sort = params.get("sort", "")
    return sort if sort.removeprefix("-") in known and not sort.startswith("--") else ""


def asked_columns(words: Iterable[str]) -> str:
    """Return the columns that an address asks for in their usual form, which is empty for the usual ones.

    The columns of a set take the place of birthday bonus and clients.
    """
    asked = ",".join(words).split(",")
    column_set = next((key for key in column_sets if key in asked), "")
    usual = [key for key in COLUMNS if key != "name" and not (column_set and key in IN_PLACE)]
    shown = [key for key in usual if key in asked]
    return ",".join(filter(None, [*(shown if shown != usual else ()), column_set]))


def column_set_of(columns: str) -> str:
    """Return the key of the column set among columns in their usual form, or an empty string."""
    last = columns.rpartition(",")[2]
    return last if last in column_sets else ""


def asked_ids(params: QueryDict) -> list[int]:
    """Return the numbers of groups in an address or a form, as `id=1&id=4` or `id=1,4`, each once."""
    words = ",".join(params.getlist("id")).split(",")
    return list(dict.fromkeys(filter(None, map(whole_number, words))))


def chosen_words(count: int, numbers: NumberFormat) -> str:
    """Return how many groups were chosen one by one: "3 chosen groups"."""
    return ngettext("%(count)s chosen group", "%(count)s chosen groups", count) % {
        "count": numbers.count(count)
    }


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


@dataclass(frozen=True)
class Filters:
    """The filters of one list, as its address has them."""

    q: str = ""
    type: str = ""
    sort: str = ""
    page: int = 1
    columns: str = ""
    """Keys of the columns that are shown, and of a column set; empty for the usual columns."""
    ids: tuple[int, ...] = ()
    """The groups that were chosen one by one, or all groups."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """The conditions that the address has, by their parameters."""

    @classmethod
    def parse(cls, params: QueryDict, user: User | None = None) -> "Filters":
        """Read an address; conditions that the user may not ask for are ignored."""
        columns = asked_columns(params.getlist("columns"))
        conditions = parse_conditions(params, user)
        if former := FORMER.get(params.get("only", "")):
            conditions |= dict([former])
        return cls(
            q=asked_text(params),
            type=str(params["type"]) if params.get("type") in ("1", "2") else "",
            sort=asked_sort(params, (*SORTS, *amount_labels(column_set_of(columns)))),
            page=whole_number(params.get("page", "")) or 1,
            columns=columns,
            ids=tuple(asked_ids(params)),
            conditions=conditions,
        )

    @property
    def narrow(self) -> bool:
        """Return True if the filters leave groups out."""
        return bool(self.q or self.type or self.ids or self.conditions)

    @property
    def column_set(self) -> str:
        """The key of the column set that is asked for, or an empty string."""
        return column_set_of(self.columns)

    @property
    def shown_columns(self) -> list[str]:
        """The keys of the columns that are shown, beside those of a column set."""
        replaced = IN_PLACE if self.column_set else ()
        usual = [key for key in COLUMNS if key not in replaced]
        return [key for key in self.columns.split(",") if key in COLUMNS] or usual

    def active(self, numbers: NumberFormat) -> list[tuple[str, dict[str, Any]]]:
        """Return the active filters but the type: each in words, and the changes that take it away."""
        active: list[tuple[str, dict[str, Any]]] = []
        if self.q:
            active.append((f"«{self.q}»", {"q": ""}))
        if self.ids:
            active.append((chosen_words(len(self.ids), numbers), {"id": ""}))
        for condition in asked_conditions(self.conditions):
            words = condition.words(self.conditions, numbers)
            active.append((words, dict.fromkeys(condition.names, "")))
        return active

    @cached_property
    def params(self) -> dict[str, str]:
        """The parameters of the address, without a page."""
        ids = ",".join(map(str, self.ids))
        values = {"q": self.q, "type": self.type, **self.conditions, "id": ids}
        values |= {"columns": self.columns, "sort": self.sort}
        return {name: value for name, value in values.items() if value}

    def href(self, **changes: Any) -> str:
        """Return the address of the list with these changes of the filters."""
        return list_url() + self.query(**changes)

    def query(self, **changes: Any) -> str:
        """Return the query string with these changes, with its question mark; empty for the plain list.

        A changed filter starts at page 1.
        """
        values = {**self.params, "page": 1, **changes}
        kept = {key: value for key, value in values.items() if value and (key, value) != ("page", 1)}
        return f"?{urlencode(kept, safe=',')}" if kept else ""


FORMER = {"bonus": ("bonus", "yes"), "empty": ("clients_to", "0"), "changed": ("changed", "7")}
"""The conditions that `only=` stands for in addresses that were kept before there were others."""
COLUMNS = {
    "name": gettext_lazy("Name"),
    "type": gettext_lazy("Type"),
    "percent": gettext_lazy("Percent"),
    "birthday_bonus": gettext_lazy("Birthday bonus"),
    "clients": gettext_lazy("Clients"),
}
IN_PLACE = ("birthday_bonus", "clients")
SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: alphabetical(group.name),
    "type": lambda group: group.loyalty_type,
    "percent": lambda group: group.percent,
    "birthday_bonus": lambda group: group.birthday_bonus,
    "clients": lambda group: group.clients,
}
