"""The places that a user can go to: groups by their names, pages, and actions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.poster import Group
from groups.presenters.alphabet import begin_words, has_all, spellings
from groups.presenters.group_actions import chosen_actions, named_actions
from groups.presenters.lists.list_filters import chosen_words, number_in
from groups.presenters.settings_pages import settings_pages
from groups.services.values import NumberFormat, type_label

MOST_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Destination:
    """A place to go to; `note` says what is there."""

    label: str
    url: str
    note: str = ""
    also: str = ""
    """Further words by which it is found."""


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
    numbers = NumberFormat.current()
    note = chosen_words(len(chosen), numbers)
    of_chosen = [Destination(label, url, note) for label, url in chosen_actions(text, chosen, note, user)]
    if not words:
        return [*of_chosen, *pages]
    number = number_in(text)
    named = [group for group in groups if group.id == number or has_all(group.name, words)]
    named.sort(key=lambda group: (group.id != number, not begin_words(group.name, words)))
    actions = named_actions(text, groups, here, user)[:MOST_GROUPS]
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
        *(Destination(label, url, _("action")) for label, url in actions),
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
        *(Destination(page.label, page.url, _("page"), page.words) for page in pages),
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
    (
        10,
        pages_for(
            ("groups.view_group", gettext_lazy("What is new"), "groups:news", PAGE),
            ("groups.view_group", gettext_lazy("History"), "groups:history", PAGE),
            ("groups.view_group", gettext_lazy("Jobs"), "groups:jobs", PAGE),
        ),
    ),
    (14, _pages_of_the_settings),
]
"""The pages and actions to go to, those of a lower order first; features put theirs between these."""
