"""The places that a user can go to: groups by their names, pages, and actions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.models import SavedView
from groups.poster import Group
from groups.presenters.alphabet import has_all, spellings
from groups.services.values import NumberFormat, type_label

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Destination:
    """A place to go to; `note` says what is there."""

    label: str
    url: str
    note: str = ""


def destinations(
    text: str, groups: Iterable[Group], views: Iterable[SavedView], user: "User"
) -> list[Destination]:
    """Return the groups, views and pages whose names have all words of the text; without one, no groups."""
    words = [spellings(word) for word in text.split()]
    pages = [page for page in (*map(_view, views), *_pages(user)) if has_all(page.label, words)]
    if not words:
        return pages
    numbers = NumberFormat.current()
    found = [group for group in groups if has_all(group.name, words)][:MOST_GROUPS]
    return [_group(group, numbers) for group in found] + pages


def _group(group: Group, numbers: NumberFormat) -> Destination:
    note = f"{type_label(group.loyalty_type)}, {numbers.percent(group.percent)}"
    return Destination(group.name, reverse("groups:detail", args=[group.id]), note)


def _view(view: SavedView) -> Destination:
    return Destination(view.name, reverse("groups:list") + view.query, _("saved view"))


def _pages(user: "User") -> list[Destination]:
    """Return the pages that the user may open, in the order of their use."""
    page, action = _("page"), _("action")
    pages = (
        ("groups.view_group", _("Loyalty groups"), "groups:list", page),
        ("groups.add_group", _("New group"), "groups:create", action),
        ("groups.change_group", _("Change several percents"), "groups:bulk", action),
        ("groups.add_group", _("Import groups from a file"), "groups:import", action),
        ("groups.view_client", _("Clients"), "groups:clients", page),
        ("groups.view_group", _("Ladder"), "groups:ladder", page),
        ("groups.view_client", _("Audit of the percents"), "groups:audit", page),
        ("groups.view_group", _("Loyalty scheme"), "groups:scheme", page),
        ("groups.view_group", _("Saved views"), "groups:views", page),
        ("groups.view_group", _("Planned changes"), "groups:schedules", page),
        ("groups.view_group", _("What is new"), "groups:news", page),
        ("groups.view_group", _("History"), "groups:history", page),
        ("groups.view_group", _("Jobs"), "groups:jobs", page),
        ("groups.view_group", _("Requests"), "groups:requests", page),
        ("groups.view_snapshot", _("Snapshots"), "groups:snapshots", page),
        ("groups.view_group", _("Connection to Poster"), "groups:account", page),
        ("groups.exceed_limits", _("Limits"), "groups:limits", page),
        ("groups.view_group", _("Notices"), "groups:notices", page),
        ("auth.change_user", _("People"), "people:list", page),
        ("auth.change_user", _("New person"), "people:new", action),
        ("users.view_securityevent", _("Security log"), "security_log", page),
        ("groups.view_group", _("Security"), "sessions", page),
        ("groups.view_group", _("Change the password"), "password", action),
    )
    return [
        Destination(label, reverse(name), kind) for right, label, name, kind in pages if user.has_perm(right)
    ]
