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
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.poster import Client, Group
from groups.poster.fields import whole_number
from groups.presenters.alphabet import alphabetical, has_all, spellings
from groups.presenters.lists import Link, sort_link, sort_param, text_param
from groups.services.clients import PAGE_SIZE, Field, FoundClients, Order
from groups.services.values import NumberFormat

SHOWN_AT_MOST = 200
"""Limit for the rows of a search: a user with more results needs a narrower search."""
SORTS: Mapping[str, tuple[Field, Callable[[Client], Any], Promise]] = {
    "name": ("lastname", lambda client: alphabetical(client.name), pgettext_lazy("of a person", "Name")),
    "birthday": ("birthday", lambda client: client.birthday or date.min, gettext_lazy("Birthday")),
    "bonus": ("bonus", lambda client: client.bonus or 0, gettext_lazy("Bonuses")),
    "paid": ("total_payed_sum", lambda client: client.total_paid or 0, gettext_lazy("Paid in all")),
    "own": ("discount_per", attrgetter("own_percent"), gettext_lazy("Own percent")),
}
"""The columns to sort by: Poster's name of the field, the key of a client for a search, the label."""
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
        column = SORTS.get(self.sort.removeprefix("-"))
        return Order(column[0], self.sort.startswith("-")) if column else Order()

    @property
    def phones(self) -> tuple[str, ...]:
        """Phone numbers in Poster's format that the search may mean; empty without a complete number.

        Poster finds a number whatever the own percent, so with that filter the clients have to be read.
        """
        return () if self.own else whole_numbers(phone_digits(self.q))

    @property
    def narrow(self) -> bool:
        """Return True if the filters leave clients out that only reading them can find."""
        return bool(self.q or self.own)

    @property
    def matches(self) -> Callable[[Client], bool]:
        digits = phone_digits(self.q)
        # Without words of which a search sees no sign.
        words = [found for word in self.q.split() if all(found := spellings(word))]

        def matches(client: Client) -> bool:
            if self.own and not OWN[self.own](client):
                return False
            if not self.q or may_be_same(digits, phone_digits(client.phone)):
                return True
            return bool(words) and has_all(f"{client.name} {client.card_number}", words)

        return matches


def client_row(client: Client, numbers: NumberFormat, **more: Any) -> dict[str, Any]:
    """Return a client as one row, the numbers ready to print; `value` is how a form names the client.

    `group_percent` is empty unless the own percent counts.
    """
    return {
        "client": client,
        "bonus": numbers.money(client.bonus) if client.bonus else "",
        "paid": numbers.money(client.total_paid) if client.total_paid else "",
        "own_percent": numbers.percent(client.own_percent) if client.own_percent else "",
        "percent": numbers.percent(client.effective_percent),
        "group_percent": numbers.percent(client.group_percent) if client.has_own_percent else "",
        **more,
    }


def search_facts(found: FoundClients, filters: ClientFilters) -> dict[str, Any]:
    """Return how many clients were found, of how many, and from where the search goes on: 0 at the end."""
    searched_to = filters.start + (found.searched or 0)
    return {
        "count": len(found.clients),
        "is_by_phone": found.searched is None,
        "searched_to": searched_to - found.removed,
        "go_on_from": searched_to if found.more and filters.narrow else 0,
    }


def member_page(group: Group, found: FoundClients, filters: ClientFilters) -> dict[str, Any]:
    clients, page, narrow = list(found.clients), filters.page, filters.narrow
    if narrow and filters.sort:
        _field, key, _label = SORTS[filters.sort.removeprefix("-")]
        clients.sort(key=key, reverse=filters.sort.startswith("-"))

    def href(**changes: Any) -> str:
        return replace(filters, **changes).address(group.id)

    name, *others = (
        sort_link(key, str(label), filters.sort, numeric=key not in ("name", "birthday"), href=href)
        for key, (_field, _key, label) in SORTS.items()
    )
    numbers = NumberFormat.current()
    return {
        "group": group,
        "found": found,
        "filters": filters,
        **search_facts(found, filters),
        "rows": [client_row(each, numbers, value=str(each.id)) for each in clients[:SHOWN_AT_MOST]],
        # Poster's count leaves out removed clients, who still take up rows.
        "page_count": max(-(-group.clients // PAGE_SIZE), page + found.more, 1),
        # A search has no page before or after.
        "previous_href": "" if narrow or page == 1 else href(page=page - 1),
        "next_href": href(page=page + 1) if found.more and not narrow else "",
        "list_href": href(page=1),
        "everybody_href": href(own="", page=1),
        "here_href": href(),
        # Poster cannot sort by those without a key.
        "columns": [
            name,
            Link(label=_("Phone")),
            *others,
            Link(label=_("Percent that counts"), numeric=True),
        ],
    }


# --- The choice among the clients of the account ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChosenClients:
    groups: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Iterable[str]) -> "ChosenClients":
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

    def __str__(self) -> str:
        return ",".join(value_of(*pair) for pair in self.groups.items())


def value_of(client_id: int, group_id: int) -> str:
    """Return a client as a form names it; empty without a group to move the client out of."""
    return f"{client_id}-{group_id}" if group_id else ""


def account_page(
    found: FoundClients | None, filters: ClientFilters, choice: ChosenClients, names: Mapping[int, str]
) -> dict[str, Any]:
    """Return what was found in the account: None before a search. `names` are those of groups by id."""
    clients = sorted(found.clients if found else (), key=lambda client: alphabetical(client.name))
    numbers, shown = NumberFormat.current(), clients[:SHOWN_AT_MOST]
    shown_ids = {client.id for client in shown}
    return {
        "found": found,
        "filters": filters,
        "choice": choice,
        **(search_facts(found, filters) if found else {}),
        "rows": [
            client_row(
                client,
                numbers,
                value=value_of(client.id, client.group_id),
                group=names.get(client.group_id, ""),
                chosen=client.id in choice.groups,
            )
            for client in shown
        ],
        # The chosen ones next to them, as one value: a form has room for few fields.
        "hidden": ",".join(value_of(*pair) for pair in choice.groups.items() if pair[0] not in shown_ids),
    }


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
