"""Let features do something with the clients that a user has chosen in the search of all clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.functional import Promise

from groups.presenters.clients.account_clients import Choice

if TYPE_CHECKING:
    from django.contrib.auth.models import User


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


def choice_actions_of(user: "User") -> list[ChoiceAction]:
    """Return the actions that a user may take."""
    return [action for action in choice_actions if user.has_perm(action.permission)]


def asked_action(data: Mapping[str, Any]) -> ChoiceAction | None:
    """Return the action whose button has sent a form, or None for a plain search."""
    return next((action for action in choice_actions if action.name in data), None)
