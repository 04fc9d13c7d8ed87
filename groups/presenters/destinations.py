"""The places that "Go to" finds: groups by their names and numbers, pages, and forms that begin something."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.poster import Group
from groups.presenters.alphabet import begin_words, has_all, spellings
from groups.presenters.lists import number_in, plain_number
from groups.presenters.settings_pages import settings_pages
from groups.services.values import NumberFormat, percent_words, type_label

MOST_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Destination:
    label: str
    url: str
    note: str = ""
    also: str = ""
    """Further words by which it is found."""


type Source = Callable[[User], Iterable[Destination]]


def destinations(text: str, groups: Sequence[Group], user: User) -> list[Destination]:
    """Return the groups and pages whose names have all words of the text; without one, no groups.

    First comes the group whose number the text is, last the places where a word is amid another one. With a
    percent between them, as in "12 gold", are the forms of the groups of this name too.
    """
    words = [spellings(word) for word in text.split()]
    pages = [
        page
        for _order, source in sources
        for page in source(user)
        if has_all(f"{page.label} {page.also}", words)
    ]
    if not words:
        return pages
    numbers, number = NumberFormat.current(), number_in(text)
    named = [group for group in groups if group.id == number or has_all(group.name, words)]
    named.sort(key=lambda group: (group.id != number, not begin_words(group.name, words)))
    found = [
        Destination(
            group.name,
            reverse("groups:detail", args=[group.id]),
            f"{type_label(group.loyalty_type)}, {numbers.percent(group.percent)}",
            also=f"{group.id}",
        )
        for group in named[:MOST_GROUPS]
    ]
    if user.has_perm("groups.change_group"):
        found += forms_with_percent(text, groups)[:MOST_GROUPS]
    found += pages
    found.sort(key=lambda place: not begin_words(f"{place.label} {place.also}", words))
    return found


def forms_with_percent(text: str, groups: Iterable[Group]) -> list[Destination]:
    """Return the forms of the groups that a text names next to a percent, with that typed but not sent.

    Of several numbers the percent is the one with the sign.
    """
    words = re.sub(r"(\d)\s+%", r"\1%", text).split()
    for word in sorted(words, key=lambda word: "%" not in word):
        percent = plain_number(word, 100)
        others = [spellings(each) for each in words if each != word]
        if percent and others:
            shown = percent_words(Decimal(percent))
            return [
                Destination(
                    _("%(percent)s for %(group)s") % {"percent": shown, "group": group.name},
                    f"{reverse('groups:update', args=[group.id])}?percent={percent}",
                    _("action"),
                )
                for group in groups
                if group.is_editable and has_all(group.name, others)
            ]
    return []


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
