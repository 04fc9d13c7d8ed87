"""Show the list of groups: its query, read from an address by a form and linked to with changes; its rows.

Features add conditions that narrow the list, columns of amounts that it shows, and marks of its rows. All
look up what they need only for a list that asks for them. Each value of a row is computed here once, so that
the template's loop is plain.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from heapq import nlargest
from operator import attrgetter
from typing import Any, NamedTuple
from unicodedata import category
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.formats import time_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.models import PosterCredentials
from groups.poster import Group
from groups.poster.fields import plain, whole_number
from groups.presenters.alphabet import alphabetical, has_all, has_almost_all, spellings
from groups.services import history
from groups.services.groups import Groups
from groups.services.messages import Message, error_words
from groups.services.values import NumberFormat, type_label
from groups.services.writes.lag import locked_ids

type Test = Callable[[Group], bool]
type Words = str | Promise
type FindAmounts = Callable[[PosterCredentials, Groups], Callable[[Group], Decimal] | None]
type Written = Callable[[NumberFormat, Decimal], str]
type FindTest = Callable[[PosterCredentials, Groups, str], Test | None]


def plain_number(typed: str, highest: int) -> str:
    """Return a typed number in plain digits; an empty string for anything else."""
    text = "".join(typed.split()).removesuffix("%").replace(",", ".")
    is_number = re.fullmatch(r"[0-9.]{1,12}", text) and text != "." and text.count(".") <= 1
    return plain(Decimal(text)) if is_number and Decimal(text) <= highest else ""


class Bound(forms.Field):
    """A field for the lower or the upper bound of a number, which stays text in plain digits."""

    def __init__(self, highest: int, *, is_lower: bool, **about: Any) -> None:
        super().__init__(required=False, **about)
        self.highest, self.is_lower = highest, is_lower

    def clean(self, value: str | None) -> str:
        number = plain_number(value or "", self.highest)
        if not number and value and value.strip():
            highest = NumberFormat.current().number(Decimal(self.highest))
            raise ValidationError(_("Enter a number from 0 to %(highest)s.") % {"highest": highest})
        return number


class KnownChoice(forms.Field):
    """A field for one of `choices`, labels by their values; an unknown value is none, and no error."""

    def __init__(self, choices: Mapping[str, Words], **about: Any) -> None:
        super().__init__(required=False, **about)
        self.choices = choices

    def clean(self, value: str | None) -> str:
        return value if value and value in self.choices else ""


class Condition:
    """A condition of the list, for users with the `permission`, if it has one.

    A `costly` one may ask Poster, so no list is counted by it on the way. `fields` are those of the form of
    the list, by the names of its parameters; `params` has those parameters that an address gives a value.
    `test` returns None while what it compares is not known.
    """

    fields: Mapping[str, forms.Field]
    words: Callable[[Mapping[str, str], NumberFormat], str]
    test: Callable[[PosterCredentials, Groups, Mapping[str, str]], Test | None]

    def __init__(self, *, key: str, label: Words, permission: str = "", costly: bool = False) -> None:
        self.key, self.label, self.permission, self.costly = key, label, permission, costly


class RangeCondition(Condition):
    """A number of each group between two bounds, `<key>_from` and `<key>_to`, both of them inclusive.

    `amounts` returns the function that has the number of a group. `written` puts a number into words.
    """

    def __init__(self, *, amounts: FindAmounts, written: Written, highest: int, **about: Any) -> None:
        super().__init__(**about)
        self.amounts, self.written = amounts, written
        self.low, self.high = f"{self.key}_from", f"{self.key}_to"
        self.fields = {
            name: Bound(highest, is_lower=name == self.low, label=self.label)
            for name in (self.low, self.high)
        }

    def words(self, params: Mapping[str, str], numbers: NumberFormat) -> str:
        low, high = (
            self.written(numbers, Decimal(params[name])) if name in params else "" for name in self.fields
        )
        if low == high:
            text = _("%(what)s: %(low)s")
        elif low and high:
            text = _("%(what)s: %(low)s – %(high)s")
        else:
            text = _("%(what)s from %(low)s") if low else _("%(what)s up to %(high)s")
        return text % {"what": self.label, "low": low, "high": high}

    def test(self, credentials: PosterCredentials, groups: Groups, params: Mapping[str, str]) -> Test | None:
        amount_of = self.amounts(credentials, groups)
        if amount_of is None:
            return None
        low, high = Decimal(params.get(self.low, "0")), Decimal(params.get(self.high, "Infinity"))
        return lambda group: low <= amount_of(group) <= high


class ChoiceCondition(Condition):
    """One of the `choices`, labels by their values: `<key>=<value>`."""

    def __init__(self, *, choices: Mapping[str, Words], find: FindTest, **about: Any) -> None:
        super().__init__(**about)
        self.choices, self.find = choices, find
        self.fields = {self.key: KnownChoice(choices, label=self.label)}

    def words(self, params: Mapping[str, str], numbers: NumberFormat) -> str:
        return str(self.choices[params[self.key]])

    def test(self, credentials: PosterCredentials, groups: Groups, params: Mapping[str, str]) -> Test | None:
        return self.find(credentials, groups, params[self.key])


# --- Those of the core -------------------------------------------------------------------------------------


def _is_changed(credentials: PosterCredentials, _groups: Groups, days: str) -> Test:
    changed = history.changed_ids(credentials, days=int(days))
    return lambda group: group.id in changed


PERCENT = RangeCondition(
    key="percent",
    label=gettext_lazy("Percent"),
    amounts=lambda _credentials, _groups: lambda group: group.percent,
    written=NumberFormat.percent,
    highest=100,
)
CLIENTS = RangeCondition(
    key="clients",
    label=gettext_lazy("Clients"),
    amounts=lambda _credentials, _groups: lambda group: Decimal(group.clients),
    written=NumberFormat.number,
    highest=10_000_000,
)
SHARE = RangeCondition(
    key="share",
    label=gettext_lazy("Share of all clients"),
    amounts=lambda _credentials, groups: (
        lambda group: Decimal(100 * group.clients) / (groups.totals.clients or 1)
    ),
    written=NumberFormat.percent,
    highest=100,
)
BONUS = ChoiceCondition(
    key="bonus",
    label=gettext_lazy("Birthday bonus"),
    choices={"yes": gettext_lazy("with a birthday bonus"), "no": gettext_lazy("without a birthday bonus")},
    find=lambda _credentials, _groups, value: lambda group: bool(group.birthday_bonus) == (value == "yes"),
)
CHANGED = ChoiceCondition(
    key="changed",
    label=gettext_lazy("Changed here"),
    choices={
        "1": gettext_lazy("changed here in the last 24 hours"),
        "7": gettext_lazy("changed here in the last 7 days"),
        "30": gettext_lazy("changed here in the last 30 days"),
    },
    find=_is_changed,
)

conditions: list[tuple[int, Condition]] = [
    *((-10, each) for each in (PERCENT, CLIENTS, SHARE)),
    *((-5, each) for each in (BONUS, CHANGED)),
]
"""Those of a lower order come first."""


# --- Columns of amounts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColumnSet:
    """Columns of amounts in hryvnia, which a list shows in place of birthday bonus and clients if asked to.

    `key` asks for them in the address of the list (`?columns=<key>`); it is also the id of the element that
    `template` draws above the table, and the name of the fragment in it. `labels` returns the names of the
    columns by their keys, which the list is sorted by. `words` say of a list that it has them. `read` is
    called only for a list that asks for them, and only for users with the `permission`.
    """

    key: str
    permission: str
    labels: Callable[[], dict[str, str]]
    words: Words
    template: str
    read: Callable[[PosterCredentials], "Amounts"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of one list. `about` says what they are, or why they are not known.

    `of_group` returns the amounts of a group in the order of the labels, None for one that the group has not.
    It is None itself while nothing is known; then the list keeps its usual columns.
    """

    column_set: ColumnSet
    about: Any
    of_group: Callable[[Group], Sequence[Decimal | None]] | None = None

    def sort_key(self, column: str) -> Callable[[Group], Decimal] | None:
        """Return the key that sorts by a column, or None; a group without an amount counts as 0."""
        amounts_of, columns = self.of_group, list(self.column_set.labels())
        if amounts_of is None or column not in columns:
            return None
        place = columns.index(column)
        return lambda group: amounts_of(group)[place] or Decimal(0)


column_sets: dict[str, ColumnSet] = {}
"""Column sets by their keys."""


# --- The query ----------------------------------------------------------------------------------------------


COLUMNS = {
    "name": gettext_lazy("Name"),
    "type": gettext_lazy("Type"),
    "percent": gettext_lazy("Percent"),
    "birthday_bonus": gettext_lazy("Birthday bonus"),
    "clients": gettext_lazy("Clients"),
}
IN_PLACE = ("birthday_bonus", "clients")
"""The columns that give way to those of a column set."""
SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: alphabetical(group.name),
    "type": lambda group: group.loyalty_type,
    "percent": lambda group: group.percent,
    "birthday_bonus": lambda group: group.birthday_bonus,
    "clients": lambda group: group.clients,
}
HIDDEN = forms.Field(required=False, widget=forms.HiddenInput)
TYPE = KnownChoice({"1": gettext_lazy("Bonus"), "2": gettext_lazy("Discount")}, label=gettext_lazy("Type"))
SORT_ICONS = {"none": "sort", "ascending": "up", "descending": "down"}


@cache
def list_url() -> str:
    """Return the address of the list: each page has it a dozen times."""
    return reverse("groups:list")


def text_param(params: Mapping[str, str]) -> str:
    """Return the search text without signs that nobody sees, which come along when a text is pasted."""
    text = "".join(sign for sign in params.get("q", "") if sign != "\0" and category(sign) != "Cf")
    return " ".join(text.split())[:100]


def number_in(text: str) -> int | None:
    """Return the number of a group that is searched for: 4 of "4", "№ 4" and "#4"; None of another text."""
    return whole_number(text.lstrip("№#").strip())


def sort_param(params: Mapping[str, str], known: Container[str]) -> str:
    """Return the column to sort by, with a dash for descending order; an empty string for an unknown one."""
    sort = params.get("sort", "")
    return sort if sort.removeprefix("-") in known and not sort.startswith("--") else ""


def ids_param(params: MultiValueDict[str, str]) -> list[int]:
    """Return the numbers of groups in an address or a form, as `id=1&id=4` or `id=1,4`, each once."""
    words = ",".join(params.getlist("id")).split(",")
    return list(dict.fromkeys(filter(None, map(whole_number, words))))


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


def sort_link(key: str, label: str, present: str, *, numeric: bool, href: Callable[..., str]) -> Link:
    """`present` is the order now. The highest numbers are looked for first, and the first names."""
    aria_sort = {key: "ascending", f"-{key}": "descending"}.get(present, "none")
    downwards = aria_sort != "descending" if numeric else aria_sort == "ascending"
    sort = f"-{key}" if downwards else key
    return Link(
        label=label,
        href=href(sort=sort, page=1),
        current=aria_sort != "none",
        key=key,
        sort=sort,
        aria_sort=aria_sort,
        icon=SORT_ICONS[aria_sort],
        numeric=numeric,
    )


class ListForm(forms.Form):
    """The query of the list of groups, and the form of its type, its conditions and its columns.

    It is read as soon as it is made. `cleaned_data` has, in plain text, what is requested: neither unknown
    values, nor conditions that are not for this user. The only errors are bounds that cannot be read, for a
    user who has typed them. A form that is not `shown` has the fields of its address alone.
    """

    data: MultiValueDict[str, str]

    def __init__(
        self, params: MultiValueDict[str, str] | None = None, user: User | None = None, *, shown: bool = False
    ) -> None:
        params = MultiValueDict() if params is None else params

        super().__init__(params, auto_id="f-%s")
        self.user = user
        if params or shown:
            # In the order of an address. Nothing changes a field, so all forms share them.
            known: dict[str, forms.Field] = {"q": HIDDEN, "type": TYPE}
            for each in self.conditions:
                known |= each.fields
            known |= {"id": HIDDEN, "columns": HIDDEN, "sort": HIDDEN, "page": HIDDEN}
            self.fields = {name: known[name] for name in known if shown or name in params}
        self.full_clean()

    @cached_property
    def conditions(self) -> list[Condition]:
        """The conditions that the user may ask for; of nobody in particular, all of them."""
        may = self.user.has_perm if self.user else bool
        return [each for _order, each in conditions if not each.permission or may(each.permission)]

    def clean(self) -> dict[str, Any]:
        """Return what the fields of the form have made of the address, and what their order makes of it.

        `columns` has the keys of the columns, and of a column set; it is empty for the usual columns.
        """
        keys = ",".join(self.data.getlist("columns")).split(",")
        self.column_set = next((key for key in column_sets if key in keys), "")
        usual = [key for key in COLUMNS if key != "name" and not (self.column_set and key in IN_PLACE)]
        shown = [key for key in usual if key in keys]
        amounts = column_sets[self.column_set].labels() if self.column_set else {}
        return {
            **{name: value for name, value in self.cleaned_data.items() if value},
            "q": text_param(self.data),
            "type": self.cleaned_data.get("type", ""),
            "id": ids_param(self.data),
            "columns": ",".join(filter(None, [*(shown if shown != usual else ()), self.column_set])),
            "sort": sort_param(self.data, (*SORTS, *amounts)),
            "page": whole_number(self.data.get("page", "")) or 1,
        }

    @property
    def narrow(self) -> bool:
        return not self.params.keys() <= {"columns", "sort"}

    @property
    def shown_columns(self) -> set[str]:
        """The columns that are shown; those in whose place a column set stands come back when it goes."""
        keys = COLUMNS.keys() & self.cleaned_data["columns"].split(",")
        return keys | {"name", *(IN_PLACE if self.column_set else ())} if keys else set(COLUMNS)

    @property
    def active_conditions(self) -> list[Condition]:
        return [each for each in self.conditions if not self.cleaned_data.keys().isdisjoint(each.fields)]

    def active(self, numbers: NumberFormat) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the active filters but the type: each in words, and the changes that take it away."""
        params = self.cleaned_data
        if params["q"]:
            yield f"«{params['q']}»", {"q": ""}
        if params["id"]:
            count = len(params["id"])
            words = ngettext("%(count)s chosen group", "%(count)s chosen groups", count)
            yield words % {"count": numbers.count(count)}, {"id": ""}
        for condition in self.active_conditions:
            yield condition.words(params, numbers), dict.fromkeys(condition.fields, "")

    @cached_property
    def params(self) -> dict[str, str]:
        values = self.cleaned_data | {"id": ",".join(map(str, self.cleaned_data["id"])), "page": ""}
        return {name: value for name in self.fields if (value := values.get(name))}

    def href(self, **changes: Any) -> str:
        return list_url() + self.query(**changes)

    def query(self, **changes: Any) -> str:
        """Return the query with its question mark, or nothing; a changed filter starts at page 1."""
        values = {**self.params, "page": 1, **changes}
        kept = {key: value for key, value in values.items() if value and (key, value) != ("page", 1)}
        return f"?{urlencode(kept, safe=',')}" if kept else ""

    @property
    def column_choices(self) -> Iterator[tuple[str, Words, bool]]:
        """Yield the columns to choose from, each with its label, and True if it is shown."""
        shown = self.shown_columns
        yield from ((key, label, key in shown) for key, label in COLUMNS.items() if key != "name")
        for each in column_sets.values():
            if self.user and self.user.has_perm(each.permission):
                yield each.key, each.words, each.key == self.column_set


# --- The list -----------------------------------------------------------------------------------------------

PAGE_SIZE = 50
ONE_PAGE = 100
"""Up to so many groups are one page."""
SHARES = 3
BARS = 20


class RowMark(NamedTuple):
    icon: str
    words: str


mark_finders: list[Callable[[PosterCredentials, Groups], Mapping[int, RowMark]]] = []
"""Each returns marks for a list by the ids of groups, with one query for all of them."""


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
        amounts: Amounts | None = None,
    ) -> None:
        self.groups, self.totals, self.filters = groups, groups.totals, filters
        self.credentials, self.amounts = credentials, amounts
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
        labels, amounts_of = self.amount_labels.values(), self.amounts.of_group if self.amounts else None
        marks = [find(self.credentials, self.groups) for find in mark_finders]
        locked_groups = locked_ids(self.credentials)
        for group in self.page.object_list:
            url, locked = f"{self.url}{group.id}/", group.id in locked_groups
            amounts = zip(labels, amounts_of(group), strict=True) if amounts_of else ()
            yield (
                str(group.id),
                group.name,
                url,
                group.is_editable and not locked,
                group.is_bonus,
                types[group.loyalty_type],
                numbers.percent(group.percent),
                numbers.round_money(group.birthday_bonus) if group.birthday_bonus else "",
                numbers.count(group.clients),
                numbers.share(group.clients, everyone),
                str(-(-BARS * group.clients // largest)),
                locked,
                [found[group.id] for found in marks if group.id in found],
                [(label, "" if each is None else numbers.money(each)) for label, each in amounts],
            )

    @property
    def as_of_words(self) -> str:
        return _("as of %(time)s") % {"time": time_format(localtime(self.groups.as_of), "TIME_FORMAT")}

    @property
    def stale(self) -> Message | None:
        return error_words(self.groups.failure) if self.groups.failure else None

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

    @cached_property
    def page(self) -> Page[Group]:
        """The groups of the page that is requested; a list of up to ONE_PAGE groups is not split."""
        size = PAGE_SIZE if len(self.found_groups) > ONE_PAGE else ONE_PAGE
        return Paginator(self.found_groups, size).get_page(self.filters.cleaned_data["page"])

    # --- Charts --------------------------------------------------------------------------------------------
    # Coordinates are parts of 100, formatted for SVG: with a decimal point in every language.

    @cached_property
    def largest(self) -> list[Group]:
        largest = nlargest(SHARES, self.groups.groups, key=attrgetter("clients"))
        return [group for group in largest if group.clients]

    @property
    def shares(self) -> list[tuple[str, str, str, str, str, bool]]:
        """The largest groups, and the rest: name, clients, share, place and width, is it a bonus."""
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
