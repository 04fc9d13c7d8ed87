"""Show what a list of clients came to, and offer the list where the core has a place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from groups import hooks
from groups.features.client_lists.services import Listed, State
from groups.features.moves.services import MoveCount
from groups.features.moves.views import effects_of
from groups.poster import Client, Group
from groups.presenters.clients import value_of
from groups.presenters.destinations import ACTION, pages_for
from groups.services.groups import OneGroup
from groups.services.writes.commands import MoveClient

MOST_CHOICES = 250
"""Check boxes on the page: a form has room for few fields."""
LABELS = {
    State.FOUND: gettext_lazy("will be moved"),
    State.THERE: gettext_lazy("in the group already"),
    State.AMBIGUOUS: gettext_lazy("fits several"),
    State.UNKNOWN: gettext_lazy("unknown"),
    State.UNREADABLE: gettext_lazy("no phone, card or id"),
    State.DOUBLE: gettext_lazy("twice"),
}


class ListPage:
    """The results of a list, those that need a look first; `groups` are those of the account, by id."""

    def __init__(self, results: Sequence[Listed], target: Group, groups: Mapping[int, Group]) -> None:
        self._results = results
        self.target = target
        self._groups = groups
        self._choices = 0

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The lines for the table: first those that a person has to look at."""
        order = [State.AMBIGUOUS, State.UNKNOWN, State.UNREADABLE, State.DOUBLE, State.THERE, State.FOUND]
        return [
            {
                "number": listed.line.number,
                "text": listed.line.text,
                "state": listed.state,
                "label": LABELS[listed.state],
                "first_line": listed.first_line,
                "clients": [self._client(each, listed.state) for each in listed.clients],
                "client_id": listed.clients[0].id if len(listed.clients) == 1 else None,
            }
            for listed in sorted(self._results, key=lambda each: order.index(each.state))
        ]

    def _client(self, client: Client, state: State) -> dict[str, Any]:
        """Return a client of a line; one that can be chosen has the `value` of its check box."""
        group = self._groups.get(client.group_id)
        may_go = group is not None and state == State.AMBIGUOUS and group.id != self.target.id
        self._choices += may_go
        return {
            "id": client.id,
            "name": client.name,
            "group": group.name if group else "–",
            "value": value_of(client.id, client.group_id) if may_go and self._choices <= MOST_CHOICES else "",
        }

    @property
    def has_more_choices(self) -> bool:
        """Return True if the form has no room for the check boxes of all rows."""
        return bool(self.rows) and self._choices > MOST_CHOICES

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(each.state.value for each in self._results)

    @property
    def summary(self) -> list[tuple[str, Any, int]]:
        """Each state that occurs, with its label and its number of lines."""
        return [
            (state.value, LABELS[state], self.counts[state.value])
            for state in State
            if self.counts[state.value]
        ]

    @cached_property
    def chosen(self) -> list[str]:
        """The found clients as the form of a move names them."""
        return [
            value_of(each.clients[0].id, each.clients[0].group_id)
            for each in self._results
            if each.state == State.FOUND
        ]

    @property
    def unknown_text(self) -> str:
        return "\n".join(each.line.text for each in self._results if each.state == State.UNKNOWN)

    @property
    def effects(self) -> dict[str, Any]:
        """The effect of the move for the found clients of each group."""
        moved: dict[int, list[Client]] = {}
        for each in self._results:
            if each.state == State.FOUND:
                moved.setdefault(each.clients[0].group_id, []).append(each.clients[0])
        counted = [
            (
                self._groups[group_id],
                MoveCount(len(clients), sum(each.own_percent > self.target.percent for each in clients)),
            )
            for group_id, clients in moved.items()
        ]
        return effects_of(counted, self.target)


@hooks.part("clients.head", "client_lists/link.html")
def link_to_list(request: HttpRequest) -> dict[str, Any] | None:
    """Offer the list on the page of all clients."""
    return {} if request.user.has_perm(MoveClient.permission) else None


@hooks.part("group.menu", "client_lists/menu_item.html")
def link_of_group(request: HttpRequest, one: OneGroup) -> dict[str, Any] | None:
    """Offer to fill a group from a list."""
    return {"group": one.group} if request.user.has_perm(MoveClient.permission) else None


_PAGE = (MoveClient.permission, gettext_lazy("Move clients from a list"), "groups:client_list", ACTION)
hooks.destinations(pages_for(_PAGE), order=2)
hooks.form_addresses("client_list_unknown")
