"""The places that a user can go to: groups by their names, pages, and actions.

An action is on a group that is named ("5 % for Gold", "plan Gold"), or on those chosen in the list.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from groups.poster import Group
from groups.presenters.alphabet import begin_words, has_all, searchable, spellings
from groups.presenters.lists import chosen_words, number_in, number_param
from groups.presenters.settings_pages import settings_pages
from groups.services.values import NumberFormat, percent_words, type_label

EDIT_RIGHT = "groups.change_group"


@dataclass(frozen=True, slots=True)
class GroupAction:
    """An action on one group, whose form opens at an address with its id.

    It is found by the first word of its label, or by one of `also`. A group that cannot be edited safely has
    no action that is for `editable` ones. Users who have the right `unless` go another way.
    """

    label: str | Promise
    url_name: str
    permission: str
    also: str | Promise = ""
    editable: bool = True
    unless: str = ""

    def is_for(self, user: User) -> bool:
        return user.has_perm(self.permission) and not (self.unless and user.has_perm(self.unless))


EDIT = GroupAction(gettext_lazy("Edit"), "groups:update", EDIT_RIGHT, gettext_lazy("change rename percent"))
REMOVE = GroupAction(
    gettext_lazy("Retire or remove"),
    "groups:remove",
    "groups.delete_group",
    gettext_lazy("remove delete"),
    editable=False,
)
group_actions: list[tuple[int, GroupAction]] = [(-10, EDIT), (20, REMOVE)]
"""Those of a lower order come first; features put theirs between these."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A place to go to; `note` says what is there."""

    label: str
    url: str
    note: str = ""
    also: str = ""
    """Further words by which it is found."""


def named_actions(text: str, groups: Sequence[Group], here: Group | None, user: User) -> list[Destination]:
    """Return the actions that a text names together with a group: "plan Gold".

    Without a name it is the group that is open, `here`, if one is. A number is a percent, which the form of
    the group has typed but not sent: "5 % for Gold".
    """
    words, found = _words_of(text), []
    percent, rest = _percent_among(words)
    if percent and user.has_perm(EDIT_RIGHT):
        shown = percent_words(Decimal(percent))
        found = [
            Destination(
                _("%(percent)s for %(group)s") % {"percent": shown, "group": group.name},
                f"{reverse('groups:update', args=[group.id])}?percent={percent}",
                _("action"),
            )
            for group in _meant(rest, groups, here)
            if group.is_editable
        ]
    for _order, action in group_actions:
        verb, *object_ = searchable(str(action.label)).split()
        verbs = [verb, *searchable(str(action.also)).split()]
        if action.is_for(user) and any(_begins(word, verbs) for word in words):
            rest = [word for word in words if not _begins(word, [*verbs, *object_])]
            found += [
                Destination(
                    f"{action.label}: {group.name}", reverse(action.url_name, args=[group.id]), _("action")
                )
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


def chosen_actions(text: str, chosen: Sequence[int], user: User) -> list[Destination]:
    """Return the actions on chosen groups that a text names: all without a text.

    A number is a percent, for the pages that take one: "5 %".
    """
    if not chosen:
        return []
    words, note = _words_of(text), chosen_words(len(chosen), NumberFormat.current())
    percent, others = _percent_among(words)
    found = []
    for action in list_actions_of(user):
        name, address = f"{action.label} {note}", action.address(chosen)
        if percent and action.takes_percent and has_all(name, _naming(others)):
            label = f"{str(action.label).removesuffix('…')}: {percent_words(Decimal(percent))}"
            found.append(Destination(label, f"{address}&percent={percent}", note))
        elif has_all(name, _naming(words)):
            found.append(Destination(str(action.label), address, note))
    return found


# --- Places to go to ----------------------------------------------------------------------------------------

MOST_GROUPS = 8

type Source = Callable[[User], Iterable[Destination]]


def destinations(
    text: str,
    groups: Sequence[Group],
    user: User,
    *,
    here: Group | None = None,
    chosen: Sequence[int] = (),
) -> list[Destination]:
    """Return the groups and pages whose names have all words of the text; without one, no groups.

    Between them are the actions that the text names with a group, or for the one that is open, `here`. First
    comes the group whose number the text is, last the places where a word is amid another one. Actions for
    the groups that are `chosen` in the list come before all others, without a text too.
    """
    words = [spellings(word) for word in text.split()]
    pages = [
        page
        for _order, source in sources
        for page in source(user)
        if has_all(f"{page.label} {page.also}", words)
    ]
    of_chosen = chosen_actions(text, chosen, user)
    if not words:
        return [*of_chosen, *pages]
    numbers, number = NumberFormat.current(), number_in(text)
    named = [group for group in groups if group.id == number or has_all(group.name, words)]
    named.sort(key=lambda group: (group.id != number, not begin_words(group.name, words)))
    found = [
        *(
            Destination(
                group.name,
                reverse("groups:detail", args=[group.id]),
                f"{type_label(group.loyalty_type)}, {numbers.percent(group.percent)}",
                also=f"{group.id}",
            )
            for group in named[:MOST_GROUPS]
        ),
        *named_actions(text, groups, here, user)[:MOST_GROUPS],
        *pages,
    ]
    found.sort(key=lambda place: not begin_words(f"{place.label} {place.also}", words))
    return [*of_chosen, *found]


PAGE, ACTION = False, True


def pages_for(*pages: tuple[str, str | Promise, str, bool]) -> Source:
    """Return the source of those of the pages that a user may open.

    Each has the right that it needs, its label, the name of its address, and whether it is an ACTION.
    """
    return lambda user: [
        Destination(str(label), reverse(name), _("action") if is_action else _("page"))
        for right, label, name, is_action in pages
        if user.has_perm(right)
    ]


def _pages_of_the_settings(user: User) -> list[Destination]:
    pages = settings_pages(user)
    actions = (action for page in pages for action in page.actions)
    return [
        Destination(_("Settings"), reverse("settings"), _("page")),
        *(Destination(page.label, page.url, _("page"), f"{page.words} {page.also}") for page in pages),
        *(Destination(label, url, _("action")) for label, url in actions),
    ]


sources: list[tuple[int, Source]] = [
    (
        0,
        pages_for(
            ("groups.view_group", gettext_lazy("Loyalty groups"), "groups:list", PAGE),
            ("groups.add_group", gettext_lazy("New group"), "groups:create", ACTION),
        ),
    ),
    (2, pages_for(("groups.view_client", gettext_lazy("Clients"), "groups:clients", PAGE))),
    (10, pages_for(("groups.view_group", gettext_lazy("History"), "groups:history", PAGE))),
    (14, _pages_of_the_settings),
]
"""The pages and actions to go to, those of a lower order first; features put theirs between these."""
