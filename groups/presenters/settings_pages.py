"""The pages of the settings: those of the account, of the user, and of the installation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.presenters.alphabet import has_all, spellings

ACCOUNT, USER, INSTALLATION = "account", "user", "installation"
SECTIONS: Mapping[str, str | Promise] = {
    ACCOUNT: gettext_lazy("Account"),
    USER: pgettext_lazy("settings of a user", "You"),
    INSTALLATION: gettext_lazy("Installation"),
}


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """A page of the settings.

    `words` say what can be set there, and are searched too, as `also` is. `actions` are forms that a click on
    the page of all settings opens: their labels and addresses. One that is `connected` is for users whose
    account is connected. `part_of` is the address of a page that leads to this one, which the page of all
    settings leaves out.
    """

    section: str
    label: str
    url: str
    words: str
    icon: str
    actions: tuple[tuple[str, str], ...] = ()
    connected: bool = False
    part_of: str = ""
    also: str = ""


type SettingsSource = Callable[[User], Iterable[SettingsPage]]


def settings_pages(user: User, text: str = "") -> list[SettingsPage]:
    words = [spellings(word) for word in text.split()]
    is_connected = getattr(user, "credentials", None) is not None
    found = [page for _order, source in settings_sources for page in source(user)]
    return [
        page
        for page in found
        if (is_connected or not page.connected) and has_all(f"{page.label} {page.words} {page.also}", words)
    ]


def without_parts(pages: Sequence[SettingsPage]) -> list[SettingsPage]:
    """Leave out the pages that are part of another one that this user may open."""
    urls = {page.url for page in pages}
    return [page for page in pages if page.part_of not in urls]


def by_section(pages: Iterable[SettingsPage]) -> list[tuple[str, list[SettingsPage]]]:
    pages = list(pages)
    found = ((title, [page for page in pages if page.section == name]) for name, title in SECTIONS.items())
    return [(str(title), pages) for title, pages in found if pages]


def _connection(user: User) -> Iterable[SettingsPage]:
    if user.has_perm("groups.view_group"):
        yield SettingsPage(
            ACCOUNT,
            _("Connection to Poster"),
            reverse("groups:account"),
            _("Account and token."),
            "plug",
        )


def _pages_of_the_core(user: User) -> Iterable[SettingsPage]:
    manages_people = user.has_perm("auth.change_user")
    if manages_people:
        yield SettingsPage(
            ACCOUNT,
            _("People"),
            reverse("people:list"),
            _("Roles, invitations, new passwords."),
            "user",
            actions=((_("New person"), reverse("people:new")),),
        )
    if user.has_perm("users.view_securityevent"):
        yield SettingsPage(
            ACCOUNT,
            _("Security log"),
            f"{reverse('people:list')}?log",
            _("Sign-ins, failed attempts, changed rights."),
            "shield",
            part_of=reverse("people:list"),
        )
    yield SettingsPage(
        USER,
        _("Security"),
        reverse("sessions"),
        _("Password, second factor, sessions."),
        "lock",
        actions=((_("Change the password"), reverse("sessions", query={"set": "password"})),)
        if user.has_usable_password()
        else (),
        also=_("Passkeys, recovery codes."),
    )
    yield SettingsPage(
        USER,
        _("Keyboard shortcuts"),
        reverse("help"),
        _("The keys that open pages and forms; switch them off in this browser."),
        "keys",
        part_of=reverse("sessions"),
    )
    if manages_people:
        yield SettingsPage(
            INSTALLATION,
            _("State of the installation"),
            reverse("groups:installation"),
            _("What works, and what needs a look."),
            "check",
            connected=not user.is_superuser,
            also=_("Version, worker, mail, backup, certificate, clock, database."),
        )
    if user.is_superuser:
        yield SettingsPage(
            INSTALLATION,
            _("Administration"),
            reverse("admin:index"),
            _("Users, roles and rights of every account, in English."),
            "keys",
            part_of=reverse("groups:installation"),
        )


settings_sources: list[tuple[int, SettingsSource]] = [(-10, _connection), (20, _pages_of_the_core)]
"""Those of a lower order come first in their section; features put theirs between these."""
