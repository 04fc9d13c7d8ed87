"""Offer actions on the groups that a user has chosen in the list; features add theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.functional import Promise

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class ListAction:
    """A button below the list, and the page at `url_name` that it opens with the chosen groups.

    Their numbers come in the address: `id=1&id=4`, or `id=1,4`. "Go to" finds the action by its label too.
    """

    label: str | Promise
    url_name: str
    permission: str
    args: tuple[str, ...] = ()

    def address(self, group_ids: Sequence[int]) -> str:
        """Return the address of the page with the groups."""
        return f"{reverse(self.url_name, args=self.args)}?id={','.join(map(str, group_ids))}"


list_actions: list[tuple[int, ListAction]] = [
    (10, ListAction(kind, "groups:export", "groups.view_group", (kind.lower(),))) for kind in ("CSV", "XLSX")
]
"""Those of a lower order come first; features put theirs before these."""


def list_actions_of(user: "User") -> list[ListAction]:
    """Return the actions that a user may take."""
    return [action for _order, action in list_actions if user.has_perm(action.permission)]
