"""The people who use the dashboard, for those who manage them: roles, sign-ins, and the ways to help them.

`accounts` decides who manages whom. The role of an Administrator is Django's mark of a superuser.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Prefetch, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.debug import sensitive_variables

from poster_admin.users import accounts, security_log, sessions
from poster_admin.users.identities import set_password, set_role
from poster_admin.users.models import Event, Passkey, SecurityEvent, TOTPDevice
from poster_admin.users.sign_in import invitations, two_factor

CHANGE_USER = "auth.change_user"
ADMINISTRATORS = "Administrators"
ROLE_LABELS: dict[str, str | Promise] = {
    "Managers": _("Manager"),
    "Staff": _("Staff"),
    "Owners": _("Owner"),
    ADMINISTRATORS: _("Administrator"),
}
# Details of events that are words; all others are names and numbers. An app above this one adds its own.
DETAIL_LABELS: dict[str, str | Promise] = ROLE_LABELS | {
    two_factor.PASSKEY: _("passkey"),
    "password": _("Password"),
    "code": _("Code"),
    "is_active=False": pgettext_lazy("a user", "blocked"),
    "is_active=True": pgettext_lazy("a user", "no longer blocked"),
    "is_superuser=True": ROLE_LABELS[ADMINISTRATORS],
    "is_superuser=False": _("no longer an administrator"),
    "email": _("E-mail"),
    "secret": _("new secret"),
}
# Letters and digits that nobody mistakes for one another when a password is read aloud or copied by hand.
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Person:
    """A user with all that a page about people shows. `account` is empty for a user without a connection."""

    user: User
    role: str
    last_seen: datetime | None
    second_factor: bool
    account: str
    token_works: bool

    @property
    def name(self) -> str:
        return accounts.name_of(self.user)

    @property
    def values(self) -> dict[str, str]:
        """Name, address and role, as a form has them."""
        return {"full_name": self.user.get_full_name(), "email": self.user.email, "role": self.role}

    @property
    def role_label(self) -> str:
        return str(ROLE_LABELS.get(self.role, ""))

    @property
    def can_be_invited(self) -> bool:
        return invitations.can_be_invited_again(self.user)


def with_details(users: QuerySet[User]) -> QuerySet[User]:
    """Return users with what `as_people` needs, by their names."""
    confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    has_factor = Exists(confirmed) | Exists(Passkey.objects.filter(user=OuterRef("pk")))
    return (
        users.annotate(seen_at=Max("sign_ins__seen_at"), has_factor=has_factor)
        .prefetch_related(Prefetch("groups", Group.objects.filter(name__in=settings.ROLES), to_attr="roles"))
        .order_by("first_name", "last_name", "username")
    )


def as_people(users: Iterable[User]) -> list[Person]:
    """Return users of `with_details` as people, with one query of their connections."""
    users = list(users)
    found = accounts.connections().filter(user__in=users).values_list("user", "account", "refused_at")
    connected = {user_id: (account, refused_at is None) for user_id, account, refused_at in found}
    people = []
    row: Any  # a user with what `with_details` has added
    for row in users:
        account, token_works = connected.get(row.pk, ("", False))
        # The one with the most rights.
        highest = max((role.name for role in row.roles), key=settings.ROLES.index, default="")
        person = Person(
            user=row,
            role=ADMINISTRATORS if row.is_superuser else highest,
            last_seen=max(filter(None, (row.last_login, row.seen_at)), default=None),
            second_factor=row.has_factor,
            account=account,
            token_works=token_works,
        )
        people.append(person)
    return people


def roles_given_by(manager: User) -> list[tuple[str, str | Promise]]:
    """Return the roles that a user may give: that of an Administrator only if it is one's own."""
    return [each for each in ROLE_LABELS.items() if manager.is_superuser or each[0] != ADMINISTRATORS]


def set_name(user: User, full_name: str) -> None:
    """Split a name as Django keeps it; the caller saves the user."""
    user.first_name, _space, user.last_name = full_name.partition(" ")


@sensitive_variables("password")
def create(username: str, full_name: str, email: str, role: str) -> tuple[User, str]:
    """Create a user in a role; return the user and the password, which is kept nowhere else."""
    password = new_password()
    with transaction.atomic():
        user = User(username=username, email=email)
        set_name(user, full_name)
        user.is_superuser = role == ADMINISTRATORS
        user.set_password(password)
        user.save()
        set_role(user, role)
    return user, password


def change(user: User, full_name: str, email: str, role: str) -> None:
    """Change name, address and role of a user."""
    with transaction.atomic():
        set_name(user, full_name)
        user.email = email
        user.is_superuser = role == ADMINISTRATORS
        user.save(update_fields=["first_name", "last_name", "email", "is_superuser"])
        set_role(user, role)


@sensitive_variables("password")
def give_password(user: User) -> str:
    """Set a new password, end all sessions of the user, and return it: it is kept nowhere else."""
    password = new_password()
    set_password(user, password)
    sign_out(user)
    return password


def new_password() -> str:
    """Return a random password in four groups of letters and digits, about 79 bits."""
    return "-".join("".join(secrets.choice(SIGNS) for _each in range(4)) for _group in range(4))


def set_active(user: User, *, active: bool) -> None:
    """Block a user, or let the user sign in again. Blocking ends all sessions."""
    user.is_active = active
    user.save(update_fields=["is_active"])


def sign_out(user: User) -> int:
    """End all sessions of a user, and return how many there were."""
    ended = sessions.end(user)
    security_log.record(Event.SESSIONS_ENDED, about=user.get_username(), detail=str(ended))
    return ended


def reset_second_factor(user: User) -> None:
    """Remove the second factor and the passkeys of a lost phone, and end the sessions that they opened."""
    two_factor.remove(user)
    sign_out(user)


def detail_words(event: SecurityEvent) -> str:
    """Return the detail of an event, with its words in the reader's language."""
    sign = event.detail[:1] if event.kind == Event.RIGHTS else ""
    return sign + _in_words(event.detail.removeprefix(sign))


def _in_words(text: str) -> str:
    for separator in (", ", ": ", " → "):
        if separator in text:
            return separator.join(map(_in_words, text.split(separator)))
    return str(DETAIL_LABELS.get(text, text))
