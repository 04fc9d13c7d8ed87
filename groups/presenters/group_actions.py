"""Find actions on a group that is named: "5 % for Gold", "plan Gold"; and on those chosen in the list."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from groups.poster import Group
from groups.presenters.alphabet import has_all, searchable, spellings
from groups.presenters.lists.conditions import number_param
from groups.services.values import percent_words

EDIT_RIGHT = "groups.change_group"


@dataclass(frozen=True, slots=True)
class GroupAction:
    """An action on one group, whose form opens at an address with its id.

    It is found by the first word of its label, or by one of `also`. A group that cannot be edited safely has
    no action that is for `editable` ones.
    """

    label: str | Promise
    url_name: str
    permission: str
    also: str | Promise = ""
    editable: bool = True


type NamedAction = tuple[str, str]
"""An action on a certain group: its words, and the address of its form."""

EDIT = GroupAction(gettext_lazy("Edit"), "groups:update", EDIT_RIGHT, gettext_lazy("change rename percent"))
REMOVE = GroupAction(gettext_lazy("Remove group"), "groups:remove", "groups.delete_group", editable=False)
group_actions: list[tuple[int, GroupAction]] = [(-10, EDIT), (20, REMOVE)]
"""Those of a lower order come first; features put theirs between these."""


def named_actions(text: str, groups: Sequence[Group], here: Group | None, user: User) -> list[NamedAction]:
    """Return the actions that a text names together with a group: "plan Gold".

    Without a name it is the group that is open, `here`, if one is. A number is a percent, which the form of
    the group has typed but not sent: "5 % for Gold".
    """
    words, found = _words_of(text), []
    percent, rest = _percent_among(words)
    if percent and user.has_perm(EDIT_RIGHT):
        shown = percent_words(Decimal(percent))
        found = [
            (
                _("%(percent)s for %(group)s") % {"percent": shown, "group": group.name},
                f"{reverse('groups:update', args=[group.id])}?percent={percent}",
            )
            for group in _meant(rest, groups, here)
            if group.is_editable
        ]
    for _order, action in group_actions:
        verb, *object_ = searchable(str(action.label)).split()
        verbs = [verb, *searchable(str(action.also)).split()]
        if user.has_perm(action.permission) and any(_begins(word, verbs) for word in words):
            rest = [word for word in words if not _begins(word, [*verbs, *object_])]
            found += [
                (f"{action.label}: {group.name}", reverse(action.url_name, args=[group.id]))
                for group in _meant(rest, groups, here)
                if group.is_editable or not action.editable
            ]
    return found


def _words_of(text: str) -> list[str]:
    """Return the words of a text; a percent and its sign are one."""
    return re.sub(r"(\d)\s+%", r"\1%", text).split()


def _percent_among(words: list[str]) -> tuple[str, list[str]]:
    """Return the percent in plain digits, rather a number with the sign, and the other words."""
    typed = {word: number_param({"percent": word}, "percent", 100) for word in words}
    numbers = sorted((word for word, percent in typed.items() if percent), key=lambda word: "%" not in word)
    if not numbers:
        return "", words
    return typed[numbers[0]], [word for word in words if word != numbers[0]]


def _begins(word: str, names: Iterable[str]) -> bool:
    """Return True if one of the names begins with a word, of two letters at least."""
    return len(word) > 1 and any(name.startswith(tuple(spellings(word))) for name in names)


def _meant(words: list[str], groups: Iterable[Group], here: Group | None) -> list[Group]:
    """Return the groups that the words name; without a name the one that is open."""
    naming = _naming(words)
    if not naming:
        return [here] if here else []
    return [group for group in groups if has_all(group.name, naming)]


def _naming(words: list[str]) -> list[set[str]]:
    passed = {
        searchable(word) for word in pgettext("small words of a search", "for of to a the group").split()
    }
    return [spellings(word) for word in words if searchable(word) not in passed]


# --- Chosen groups ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListAction:
    """A button below the list, and the page at `url_name` that it opens with the chosen groups.

    Their numbers come in the address: `id=1&id=4`, or `id=1,4`. "Go to" finds the action by its label too. A
    page that `takes_percent` opens with the `percent` of its address typed for the groups, and not sent.
    """

    label: str | Promise
    url_name: str
    permission: str
    args: tuple[str, ...] = ()
    takes_percent: bool = False

    def address(self, group_ids: Sequence[int]) -> str:
        return f"{reverse(self.url_name, args=self.args)}?id={','.join(map(str, group_ids))}"


list_actions: list[tuple[int, ListAction]] = [
    (10, ListAction(kind, "groups:export", "groups.view_group", (kind.lower(),))) for kind in ("CSV", "XLSX")
]
"""Those of a lower order come first; features put theirs before these."""


def list_actions_of(user: User) -> list[ListAction]:
    return [action for _order, action in list_actions if user.has_perm(action.permission)]


def chosen_actions(text: str, chosen: Sequence[int], note: str, user: User) -> list[NamedAction]:
    """Return the actions on chosen groups, described by a `note`, that a text names: all without a text.

    A number is a percent, for the pages that take one: "5 %".
    """
    if not chosen:
        return []
    words = _words_of(text)
    percent, others = _percent_among(words)
    found = []
    for action in list_actions_of(user):
        name, address = f"{action.label} {note}", action.address(chosen)
        if percent and action.takes_percent and has_all(name, _naming(others)):
            label = f"{str(action.label).removesuffix('…')}: {percent_words(Decimal(percent))}"
            found.append((label, f"{address}&percent={percent}"))
        elif has_all(name, _naming(words)):
            found.append((str(action.label), address))
    return found
