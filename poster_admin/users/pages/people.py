"""The people who use the dashboard, for those who manage them: roles, sign-ins, and the ways to help them.

Superusers are shown, but nobody manages them here: Django's admin is for them.
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
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.debug import sensitive_variables

from poster_admin.users import security_log, sessions
from poster_admin.users.identities import set_password
from poster_admin.users.models import Event, Passkey, SecurityEvent, TOTPDevice
from poster_admin.users.sign_in import invitations, two_factor

RIGHT = "auth.change_user"
ROLE_LABELS = {"Managers": _("Manager"), "Staff": _("Staff"), "Owners": _("Owner")}
# Details of events that are words; all others are names and numbers.
DETAIL_LABELS = ROLE_LABELS | {
    two_factor.PASSKEY: _("passkey"),
    "password": _("Password"),
    "code": _("Code"),
    "is_active=False": pgettext_lazy("a user", "blocked"),
    "is_active=True": pgettext_lazy("a user", "no longer blocked"),
}
# Letters and digits that nobody mistakes for one another when a password is read aloud or copied by hand.
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"

credentials_asked = Signal()
"""Asked with `user_ids`. An app above this one answers with a dict: connected users, and if it works."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user with all that a page about people shows. `works` is None for a user without a connection."""

    user: User
    role: str
    last_seen: datetime | None
    second_factor: bool
    works: bool | None

    @property
    def role_label(self) -> str:
        return str(ROLE_LABELS.get(self.role, ""))

    @property
    def can_be_invited(self) -> bool:
        return invitations.can_be_invited_again(self.user)

    def manageable_by(self, user: User) -> bool:
        """Return True if `user` may change this person: no superuser, and nobody's own role or sign-in."""
        return not self.user.is_superuser and self.user.pk != user.pk


def all_users() -> QuerySet[User]:
    """Return the users with what `as_people` needs, by their names."""
    confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    has_factor = Exists(confirmed) | Exists(Passkey.objects.filter(user=OuterRef("pk")))
    return (
        User.objects.annotate(seen_at=Max("sign_ins__seen_at"), has_factor=has_factor)
        .prefetch_related(Prefetch("groups", Group.objects.filter(name__in=settings.ROLES), to_attr="roles"))
        .order_by("first_name", "last_name", "username")
    )


def as_people(users: Iterable[User]) -> list[Person]:
    """Return users of `all_users` as people, with one question about their connections."""
    users = list(users)
    answers: list[tuple[Any, Any]] = credentials_asked.send(sender=User, user_ids=[user.pk for user in users])
    connected: dict[int, bool] = {
        user_id: works for _receiver, answer in answers for user_id, works in answer.items()
    }
    return [_person(user, connected.get(user.pk)) for user in users]


def _person(user: User, works: bool | None) -> Person:
    seen = [moment for moment in (user.last_login, user.seen_at) if moment]  # type: ignore[attr-defined]  # annotated
    return Person(
        user=user,
        role=highest_role(role.name for role in user.roles),  # type: ignore[attr-defined]  # prefetched
        last_seen=max(seen, default=None),
        second_factor=user.has_factor,  # type: ignore[attr-defined]  # annotated
        works=works,
    )


def highest_role(names: Iterable[str]) -> str:
    """Return the role with the most rights, or an empty string."""
    return max(names, key=settings.ROLES.index, default="")


def set_role(user: User, role: str) -> None:
    """Give a user one role, and remove the others."""
    user.groups.remove(*user.groups.filter(name__in=settings.ROLES).exclude(name=role))
    user.groups.add(Group.objects.get(name=role))


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
        user.set_password(password)
        user.save()
        set_role(user, role)
    return user, password


def change(user: User, full_name: str, email: str, role: str) -> None:
    """Change name, address and role of a user."""
    with transaction.atomic():
        set_name(user, full_name)
        user.email = email
        user.save(update_fields=["first_name", "last_name", "email"])
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
    words = event.detail.removeprefix(sign).split(", ")
    return sign + ", ".join(str(DETAIL_LABELS.get(word, word)) for word in words)
