"""Show the clients of a group: filters, rows, pages, and how much of the group was searched.

A search is sent by POST and appears in no address: names and phone numbers must not get into an access log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from groups.poster import Client, Group
from groups.poster.fields import whole_number
from groups.presenters.alphabet import alphabetical, has_all, spellings
from groups.presenters.clients.phones import may_be_same, phone_digits, whole_numbers
from groups.presenters.lists.list_filters import Link, asked_sort, asked_text, sort_link
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
OWN: Mapping[str, Callable[[Client], bool]] = {
    "above": lambda client: client.own_percent > client.group_percent,
    "below": lambda client: 0 < client.own_percent < client.group_percent,
}
_NUMERIC = ("bonus", "paid", "own")


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
            q=asked_text(params),
            own=params["own"] if params.get("own") in OWN else "",
            sort=asked_sort(params, SORTS),
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
        """Return True if the client matches the filter of own percents, and the search."""
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
    """A client as one row, ready to print; `value` is how a form names the client.

    `group` is the name of the client's group where the page has clients of several.
    """

    id: int
    value: str
    name: str
    card: str
    phone: str
    birthday: date | None
    bonus: str
    paid: str
    own_percent: str
    percent: str
    why: str
    group_id: int = 0
    group: str = ""
    chosen: bool = False


def client_row(client: Client, value: str, numbers: NumberFormat, **more: Any) -> ClientRow:
    """Return a client as a row; `more` are the fields that only one of the pages has."""
    why = _("own, the group has %(percent)s")
    return ClientRow(
        id=client.id,
        value=value,
        name=client.name,
        card=client.card_number,
        phone=client.phone,
        birthday=client.birthday,
        bonus=numbers.money(client.bonus) if client.bonus else "",
        paid=numbers.money(client.total_paid) if client.total_paid else "",
        own_percent=numbers.percent(client.own_percent) if client.own_percent else "",
        percent=numbers.percent(client.effective_percent),
        why=why % {"percent": numbers.percent(client.group_percent)} if client.has_own_percent else "",
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
    """Everything that the page shows."""

    group: Group
    found: FoundClients
    filters: ClientFilters

    @cached_property
    def rows(self) -> list[ClientRow]:
        """The rows of this page, or the search results."""
        clients = list(self.found.clients)
        if self.filters.narrow and self.filters.sort:
            clients.sort(
                key=_KEYS[self.filters.sort.removeprefix("-")], reverse=self.filters.sort.startswith("-")
            )
        numbers = NumberFormat.current()
        return [client_row(client, str(client.id), numbers) for client in clients[:SHOWN_AT_MOST]]

    @property
    def own_words(self) -> str:
        """The filter of own percents in words; empty without one."""
        words = {"above": _("own percent above the group's"), "below": _("own percent below the group's")}
        return words.get(self.filters.own, "")

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
    def previous_href(self) -> str:
        is_first = self.filters.narrow or self.filters.page == 1
        return "" if is_first else self._href(page=self.filters.page - 1)

    @property
    def next_href(self) -> str:
        return self._href(page=self.filters.page + 1) if self.found.more and not self.filters.narrow else ""

    @property
    def list_href(self) -> str:
        return self._href(page=1)

    @property
    def everybody_href(self) -> str:
        return self._href(own="", page=1)

    @property
    def here_href(self) -> str:
        return self._href()

    @property
    def columns(self) -> list[Link]:
        """The columns; one by which Poster cannot sort has no href and no key."""
        return [
            self._column("name", pgettext("of a person", "Name")),
            Link(label=_("Phone")),
            self._column("birthday", _("Birthday")),
            self._column("bonus", _("Bonuses")),
            self._column("paid", _("Paid in all")),
            self._column("own", _("Own percent")),
            Link(label=_("Percent that counts"), numeric=True),
        ]

    def _column(self, key: str, label: str) -> Link:
        return sort_link(key, label, self.filters.sort, numeric=key in _NUMERIC, href=self._href)

    @property
    def export_links(self) -> list[Link]:
        group_id = self.group.id
        return [
            Link(label=name, href=reverse("groups:members_export", args=[group_id, name.lower()]))
            for name in ("CSV", "XLSX")
        ]

    def _href(self, **changes: Any) -> str:
        return replace(self.filters, **changes).address(self.group.id)
