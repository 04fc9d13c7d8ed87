"""Show clients: those of a group, and those of the whole account that a search has found.

A search is sent by POST and appears in no address: names and phone numbers must not get into an access log.
Chosen clients travel in the form, as "client-group" pairs of ids, so a further search keeps them.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.poster import Client, Group
from groups.poster.fields import whole_number
from groups.presenters.alphabet import alphabetical, has_all, spellings
from groups.presenters.lists.list_filters import Link, sort_link, sort_param, text_param
from groups.services.clients import PAGE_SIZE, Field, FoundClients, Order
from groups.services.values import NumberFormat

SHOWN_AT_MOST = 200
"""Limit for the rows of a search: a user with more results needs a narrower search."""
SORTS: Mapping[str, Field] = {
    "name": "lastname",
    "birthday": "birthday",
    "bonus": "bonus",
    "paid": "total_payed_sum",
    "own": "discount_per",
}
_KEYS: Mapping[str, Callable[[Client], Any]] = {
    "name": lambda client: alphabetical(client.name),
    "birthday": lambda client: client.birthday or date.min,
    "bonus": lambda client: client.bonus or 0,
    "paid": lambda client: client.total_paid or 0,
    "own": lambda client: client.own_percent,
}
NUMERIC = ("bonus", "paid", "own")
OWN: Mapping[str, Callable[[Client], bool]] = {
    "above": lambda client: client.own_percent > client.group_percent,
    "below": lambda client: 0 < client.own_percent < client.group_percent,
}
MOST_CHOSEN = 300
"""Limit for a choice: the ids stand in the address of the page that does something with them."""
_PAIR = re.compile("([1-9][0-9]{0,9})-([1-9][0-9]{0,9})", re.ASCII)
SHORTEST_PART = 3
"""Fewer digits are no part of a number: they would be in nearly every one."""
_WHOLE = range(9, 16)
_NATIONAL = 9
"""Digits of a Ukrainian number without the code of the country and the 0 before it."""
_LABEL = re.compile(r"^(tel|тел|моб)[.:\s]*")


@dataclass(frozen=True, repr=False)
class ClientFilters:
    """Filters of the list. Unknown values are ignored; a search goes on from `start`.

    With `own` "above" or "below" only clients match whose own percent is above or below the group's.
    """

    q: str = ""
    own: str = ""
    sort: str = ""
    page: int = 1
    start: int = 0

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "ClientFilters":
        return cls(
            q=text_param(params),
            own=params["own"] if params.get("own") in OWN else "",
            sort=sort_param(params, SORTS),
            page=whole_number(params.get("page", "")) or 1,
            start=whole_number(params.get("from", "")) or 0,
        )

    def address(self, group_id: int) -> str:
        """Return the address of this page of the list, without the search."""
        kept = {"own": self.own, "sort": self.sort, "page": self.page if self.page > 1 else ""}
        query = urlencode({key: value for key, value in kept.items() if value})
        return reverse("groups:members", args=[group_id]) + (f"?{query}" if query else "")

    @property
    def order(self) -> Order:
        field = SORTS.get(self.sort.removeprefix("-"))
        return Order(field, self.sort.startswith("-")) if field else Order()

    @property
    def phones(self) -> tuple[str, ...]:
        """Phone numbers in Poster's format that the search may mean; empty without a complete number.

        Poster finds a number whatever the own percent, so with that filter the clients have to be read.
        """
        return () if self.own else whole_numbers(self._digits)

    @property
    def narrow(self) -> bool:
        """Return True if the filters leave clients out that only reading them can find."""
        return bool(self.q or self.own)

    def matches(self, client: Client) -> bool:
        if self.own and not OWN[self.own](client):
            return False
        if not self.q or may_be_same(self._digits, phone_digits(client.phone)):
            return True
        return bool(self._words) and has_all(f"{client.name} {client.card_number}", self._words)

    @cached_property
    def _digits(self) -> str:
        return phone_digits(self.q)

    @cached_property
    def _words(self) -> list[set[str]]:
        """The searched words, each in its spellings; without those of which a search sees no sign."""
        return [found for word in self.q.split() if all(found := spellings(word))]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ClientRow:
    """A client as one row, the numbers ready to print; `value` is how a form names the client.

    `group_percent` is empty unless the own percent counts, `group` where the page has clients of one group.
    """

    client: Client
    value: str
    bonus: str
    paid: str
    own_percent: str
    percent: str
    group_percent: str
    group: str = ""
    chosen: bool = False

    @classmethod
    def of(cls, client: Client, numbers: NumberFormat, **more: Any) -> "ClientRow":
        return cls(
            client=client,
            bonus=numbers.money(client.bonus) if client.bonus else "",
            paid=numbers.money(client.total_paid) if client.total_paid else "",
            own_percent=numbers.percent(client.own_percent) if client.own_percent else "",
            percent=numbers.percent(client.effective_percent),
            group_percent=numbers.percent(client.group_percent) if client.has_own_percent else "",
            **more,
        )


class FoundPage:
    """How many clients a page has found and searched; `found` is None before the first search."""

    found: FoundClients | None
    filters: ClientFilters

    @property
    def count(self) -> int:
        return len(self.found.clients) if self.found else 0

    @property
    def is_by_phone(self) -> bool:
        """Return True if Poster itself found the clients, by a whole phone number."""
        return self.found is not None and self.found.searched is None

    @property
    def searched_to(self) -> int:
        """Number of clients searched so far, including the searches that this one continues."""
        return self.filters.start + (self.found.searched or 0) - self.found.removed if self.found else 0

    @property
    def go_on_from(self) -> int:
        """Offset from which the search goes on; 0 if it has reached the end."""
        more = self.found is not None and self.found.more and self.filters.narrow
        return self.filters.start + (self.found.searched or 0) if self.found and more else 0


@dataclass(frozen=True, repr=False)
class MemberPage(FoundPage):
    group: Group
    found: FoundClients
    filters: ClientFilters

    @cached_property
    def rows(self) -> list[ClientRow]:
        clients = list(self.found.clients)
        if self.filters.narrow and self.filters.sort:
            clients.sort(
                key=_KEYS[self.filters.sort.removeprefix("-")], reverse=self.filters.sort.startswith("-")
            )
        numbers = NumberFormat.current()
        return [ClientRow.of(each, numbers, value=str(each.id)) for each in clients[:SHOWN_AT_MOST]]

    @property
    def empty(self) -> str:
        if self.count:
            return ""
        if self.filters.narrow:
            return "no_match" if self.filters.q else "no_own"
        if self.found.unreadable:
            return "unreadable"
        return "no_members" if self.filters.page == 1 else "past_the_end"

    @property
    def page_count(self) -> int:
        """Number of pages: Poster's count leaves out removed clients, who still take up rows."""
        return max(-(-self.group.clients // PAGE_SIZE), self.filters.page + self.found.more, 1)

    @property
    def hrefs(self) -> dict[str, str]:
        """Addresses of this list; of a search there is no page before or after."""
        page, narrow = self.filters.page, self.filters.narrow
        return {
            "previous": "" if narrow or page == 1 else self._href(page=page - 1),
            "next": self._href(page=page + 1) if self.found.more and not narrow else "",
            "list": self._href(page=1),
            "everybody": self._href(own="", page=1),
            "here": self._href(),
        }

    @property
    def columns(self) -> list[Link]:
        """The columns; one by which Poster cannot sort has no href and no key."""
        labels = {
            "name": pgettext("of a person", "Name"),
            "birthday": _("Birthday"),
            "bonus": _("Bonuses"),
            "paid": _("Paid in all"),
            "own": _("Own percent"),
        }
        name, *others = (
            sort_link(key, label, self.filters.sort, numeric=key in NUMERIC, href=self._href)
            for key, label in labels.items()
        )
        return [name, Link(label=_("Phone")), *others, Link(label=_("Percent that counts"), numeric=True)]

    def _href(self, **changes: Any) -> str:
        return replace(self.filters, **changes).address(self.group.id)


# --- The choice among the clients of the account ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen clients, with the group in which each was found."""

    groups: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Iterable[str]) -> "Choice":
        """Read the values of a form, of one client or several each; unreadable ones are ignored."""
        pairs = filter(None, map(_PAIR.fullmatch, ",".join(values).split(",")))
        ids = (tuple(map(whole_number, pair.groups())) for pair in pairs)
        return cls({client_id: group_id for client_id, group_id in ids if client_id and group_id})

    @property
    def by_group(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for client_id, group_id in self.groups.items():
            found[group_id].append(client_id)
        return dict(found)

    @property
    def is_too_large(self) -> bool:
        return len(self.groups) > MOST_CHOSEN

    @property
    def query(self) -> str:
        """Return the choice as the query of an address; nothing where that has no room for it."""
        return "" if self.is_too_large or not self.groups else f"?client={self}"

    @property
    def back(self) -> str:
        return reverse("groups:clients") + self.query

    def __str__(self) -> str:
        return ",".join(value_of(*pair) for pair in self.groups.items())


def value_of(client_id: int, group_id: int) -> str:
    """Return a client as a form names it; empty without a group to move the client out of."""
    return f"{client_id}-{group_id}" if group_id else ""


@dataclass(frozen=True, repr=False)
class AccountPage(FoundPage):
    found: FoundClients | None
    filters: ClientFilters
    choice: Choice
    names: Mapping[int, str]
    """The names of groups by their ids."""

    @cached_property
    def rows(self) -> list[ClientRow]:
        clients = self.found.clients if self.found else ()
        shown = sorted(clients, key=lambda client: alphabetical(client.name))[:SHOWN_AT_MOST]
        numbers = NumberFormat.current()
        return [
            ClientRow.of(
                client,
                numbers,
                value=value_of(client.id, client.group_id),
                group=self.names.get(client.group_id, ""),
                chosen=client.id in self.choice.groups,
            )
            for client in shown
        ]

    @property
    def hidden(self) -> str:
        """The chosen clients that are not among the rows, as one value: a form has room for few fields."""
        shown = {row.client.id for row in self.rows}
        return ",".join(value_of(*pair) for pair in self.choice.groups.items() if pair[0] not in shown)


@dataclass(frozen=True, slots=True)
class ChoiceAction:
    """A button below the clients that were found, and the page that it leads to with the chosen ones.

    The form of the search is sent with the `name` of the button. The page at `url_name` takes the choice as
    `client`. `too_many` says that there are more than MOST_CHOSEN.
    """

    name: str
    label: str | Promise
    permission: str
    url_name: str
    too_many: str | Promise


choice_actions: list[ChoiceAction] = []


# --- Phone numbers as people write and paste them -----------------------------------------------------------


def phone_digits(text: str) -> str:
    """Return the digits of a text that is a phone number or a part of one; else an empty text.

    Any signs may stand between the digits: spaces, dots, slashes, dashes of all kinds, and marks of
    direction that nobody sees.
    """
    text = _LABEL.sub("", unicodedata.normalize("NFKC", text).casefold())
    if any(map(str.isalpha, text)):
        return ""
    digits = "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())
    return digits if len(digits) >= SHORTEST_PART else ""


def whole_numbers(digits: str) -> tuple[str, ...]:
    """Return the numbers that these digits may mean, the likeliest first; empty if they are only a part.

    Poster stores the code of the country, and people leave it out: 067 123 45 67, and 8 067 123 45 67, are
    380671234567.
    """
    if digits.startswith("00"):
        international = digits[2:]
        return (international,) if len(international) in _WHOLE else ()
    if len(digits) not in _WHOLE:
        return ()
    if digits.startswith("0"):
        return (f"38{digits}", digits)
    if len(digits) == _NATIONAL:
        return (f"380{digits}", digits)
    if digits.startswith("80") and len(digits) == _NATIONAL + 2:
        return (f"3{digits}", digits)
    return (digits,)


def may_be_same(searched: str, stored: str) -> bool:
    """Return True if the stored digits have the searched ones as a part, or mean the same whole number."""
    parts = {searched, searched.removeprefix("00")}
    if any(len(part) >= SHORTEST_PART and part in stored for part in parts):
        return True
    return not set(whole_numbers(searched)).isdisjoint(whole_numbers(stored))
