"""Offer moves where the core has a place, and say what a move changes, and for whom, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups import hooks
from groups.features.moves.services.move_effect import MoveCount
from groups.poster import Group
from groups.presenters.clients import ChoiceAction, MemberPage, choice_actions
from groups.presenters.group_actions import GroupAction, ListAction
from groups.services.groups import OneGroup
from groups.services.values import NumberFormat, clients_words, percent_words, type_label
from groups.services.writes.commands import MoveClient

MOVE_CHOSEN = ChoiceAction(
    name="move",
    label=gettext_lazy("Move…"),
    permission=MoveClient.permission,
    url_name="groups:clients_move",
    too_many=gettext_lazy("So many clients cannot be moved at once. Move some of them first."),
)
choice_actions.append(MOVE_CHOSEN)
hooks.list_action(
    ListAction(gettext_lazy("Move clients…"), "groups:groups_move", MoveClient.permission), order=5
)
hooks.group_action(
    GroupAction(
        gettext_lazy("Move clients"),
        "groups:move",
        MoveClient.permission,
        gettext_lazy("transfer"),
        editable=False,
    ),
    order=5,
)
hooks.group_action(GroupAction(gettext_lazy("Retire"), "groups:retire", "groups.change_group"), order=10)


@hooks.part("members.actions", "moves/members_bar.html")
def bar_of_members(request: HttpRequest, page: MemberPage) -> dict[str, Any] | None:
    """Return the clients of a group for the bar that moves them."""
    return {"page": page} if request.user.has_perm(MoveClient.permission) else None


@hooks.part("group.menu", "moves/retire_item.html")
def retirement_of_group(request: HttpRequest, one: OneGroup) -> dict[str, Any] | None:
    """Offer the retirement of a group in its menu."""
    may_retire = one.group.is_editable and request.user.has_perm("groups.change_group")
    return {"group": one.group} if may_retire else None


@hooks.part("removal.ways_out", "moves/way_out.html")
def way_out_of_removal(request: HttpRequest, group: Group) -> dict[str, Any] | None:
    """Offer the retirement of a group instead of its removal, which would lose its clients."""
    return {"group": group} if request.user.has_perm(MoveClient.permission) else None


@dataclass(frozen=True, slots=True)
class MoveEffect:
    """The terms before and after the move; `count` is None if the clients could not be counted."""

    group: Group
    target: Group
    count: MoveCount | None

    @property
    def before(self) -> str:
        return _terms(self.group)

    @property
    def after(self) -> str:
        return _terms(self.target)

    @property
    def is_same(self) -> bool:
        """Return True if the new group gives the same."""
        return self.before == self.after

    @property
    def clients(self) -> str:
        return clients_words(self.count.clients) if self.count else ""

    @property
    def keep_own(self) -> str:
        """The clients that keep a larger percent of their own, in words; empty if there are none."""
        if not self.count or not self.count.keep_own:
            return ""
        text = ngettext(
            "%(count)s has a larger percent of their own and keeps it",
            "%(count)s have a larger percent of their own and keep it",
            self.count.keep_own,
        )
        return text % {"count": NumberFormat.current().count(self.count.keep_own)}


@dataclass(frozen=True, slots=True)
class MoveEffects:
    """The effects of a move, one for each group; `staying` counts the chosen clients of the target itself."""

    effects: Sequence[MoveEffect]
    staying: int = 0

    @property
    def are_counted(self) -> bool:
        return all(effect.count for effect in self.effects)

    @property
    def has_several(self) -> bool:
        """Return True if each line has to name its group."""
        return len(self.effects) > 1


def _terms(group: Group) -> str:
    return _("%(percent)s · %(type)s") % {
        "percent": percent_words(group.percent),
        "type": type_label(group.loyalty_type),
    }
