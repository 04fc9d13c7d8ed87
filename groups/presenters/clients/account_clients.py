"""Show the clients of the whole account that a search found, and those that were chosen.

The choice travels in the form, as "client-group" pairs of ids, so a further search keeps it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.urls import reverse

from groups.poster import Client, Group
from groups.presenters.alphabet import alphabetical
from groups.presenters.clients.client_list import SHOWN_AT_MOST, ClientFilters, ClientRow, client_row
from groups.services.clients import FoundClients
from groups.services.values import NumberFormat

MOST_CHOSEN = 300
"""Limit for a choice: the ids stand in the address of the page that does something with them."""
_PAIR = re.compile("([1-9][0-9]{0,9})-([1-9][0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen clients, with the group in which each was found."""

    groups: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Iterable[str]) -> "Choice":
        """Read the values of a form, of one client or several each; unreadable ones are ignored."""
        pairs = filter(None, map(_PAIR.fullmatch, ",".join(values).split(",")))
        return cls({int(pair[1]): int(pair[2]) for pair in pairs})

    @property
    def by_group(self) -> dict[int, list[int]]:
        """The ids of the chosen clients of each group."""
        found: dict[int, list[int]] = defaultdict(list)
        for client_id, group_id in self.groups.items():
            found[group_id].append(client_id)
        return dict(found)

    @property
    def is_too_large(self) -> bool:
        return len(self.groups) > MOST_CHOSEN

    @property
    def back(self) -> str:
        """Return the search of clients, with this choice where an address has room for it."""
        return reverse("groups:clients") + ("" if self.is_too_large else f"?client={self}")

    def __str__(self) -> str:
        """Return the choice as one value of a form."""
        return ",".join(value_of(*pair) for pair in self.groups.items())


def value_of(client_id: int, group_id: int) -> str:
    """Return a client as a form names it; empty without a group to move the client out of."""
    return f"{client_id}-{group_id}" if group_id else ""


@dataclass(frozen=True, repr=False)
class AccountPage:
    """Everything that the page shows; `found` is None before the first search."""

    found: FoundClients | None
    filters: ClientFilters
    choice: Choice
    groups: Mapping[int, Group]

    @cached_property
    def rows(self) -> list[ClientRow]:
        clients = self.found.clients if self.found else ()
        shown = sorted(clients, key=lambda client: alphabetical(client.name))[:SHOWN_AT_MOST]
        numbers = NumberFormat.current()
        return [self._row(client, numbers) for client in shown]

    def _row(self, client: Client, numbers: NumberFormat) -> ClientRow:
        group = self.groups.get(client.group_id)
        return client_row(
            client,
            value_of(client.id, client.group_id),
            numbers,
            group_id=client.group_id,
            group=group.name if group else "",
            chosen=client.id in self.choice.groups,
        )

    @property
    def count(self) -> int:
        return len(self.found.clients) if self.found else 0

    @property
    def is_by_phone(self) -> bool:
        """Return True if Poster itself found the clients, by a whole phone number."""
        return self.found is not None and self.found.searched is None

    @property
    def hidden(self) -> str:
        """The chosen clients that are not among the rows, as one value: a form has room for few fields."""
        shown = {row.id for row in self.rows}
        return ",".join(value_of(*pair) for pair in self.choice.groups.items() if pair[0] not in shown)

    @property
    def searched_to(self) -> int:
        """Number of clients searched so far, including the searches that this one continues."""
        return self.filters.start + (self.found.searched or 0) - self.found.removed if self.found else 0

    @property
    def go_on_from(self) -> int:
        """Offset from which the search goes on; 0 if it has reached the end."""
        more = self.found is not None and self.found.more
        return self.filters.start + (self.found.searched or 0) if self.found and more else 0
