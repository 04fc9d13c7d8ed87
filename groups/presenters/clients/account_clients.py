"""Show the clients of the whole account that a search found, and those chosen for what features do with them.

The choice travels in the form, as "client-group" pairs of ids, so a further search keeps it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise

from groups.poster.fields import whole_number
from groups.presenters.alphabet import alphabetical
from groups.presenters.clients.client_list import (
    SHOWN_AT_MOST,
    ClientFilters,
    ClientRow,
    FoundPage,
    client_row,
)
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
        ids = (tuple(map(whole_number, pair.groups())) for pair in pairs)
        return cls({client_id: group_id for client_id, group_id in ids if client_id and group_id})

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
    def query(self) -> str:
        """Return the choice as the query of an address; nothing where that has no room for it."""
        return "" if self.is_too_large or not self.groups else f"?client={self}"

    @property
    def back(self) -> str:
        """Return the search of clients, with this choice where an address has room for it."""
        return reverse("groups:clients") + self.query

    def __str__(self) -> str:
        """Return the choice as one value of a form."""
        return ",".join(value_of(*pair) for pair in self.groups.items())


def value_of(client_id: int, group_id: int) -> str:
    """Return a client as a form names it; empty without a group to move the client out of."""
    return f"{client_id}-{group_id}" if group_id else ""


@dataclass(frozen=True, repr=False)
class AccountPage(FoundPage):
    """Everything that the page shows; `found` is None before the first search."""

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
            client_row(
                client,
                value_of(client.id, client.group_id),
                numbers,
                group_id=client.group_id,
                group=self.names.get(client.group_id, ""),
                chosen=client.id in self.choice.groups,
            )
            for client in shown
        ]

    @property
    def hidden(self) -> str:
        """The chosen clients that are not among the rows, as one value: a form has room for few fields."""
        shown = {row.id for row in self.rows}
        return ",".join(value_of(*pair) for pair in self.choice.groups.items() if pair[0] not in shown)


# --- Actions on the choice -------------------------------------------------------------------------------


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

    def address(self, choice: Choice) -> str:
        """Return the address of the page with a choice."""
        return f"{reverse(self.url_name)}?client={choice}"


choice_actions: list[ChoiceAction] = []


def choice_actions_of(user: User) -> list[ChoiceAction]:
    """Return the actions that a user may take."""
    return [action for action in choice_actions if user.has_perm(action.permission)]


def asked_action(data: Mapping[str, Any]) -> ChoiceAction | None:
    """Return the action whose button has sent a form, or None for a plain search."""
    return next((action for action in choice_actions if action.name in data), None)
