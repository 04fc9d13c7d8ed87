"""Find the Poster account of users and the users that one may see and manage; give roles and passwords.

Owners manage the users of their own account, which Poster's token proves, and those without an account that
they invited. A connection has a `user`, an `account`, and `refused_at`, since which Poster refuses the token,
or None.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from poster_admin.users.models import ChosenLanguage, Guardian

ADMINISTRATORS = "Administrators"
"""Their role is Django's mark of a superuser."""
ROLE_LABELS: dict[str, str | Promise] = {
    "Managers": _("Manager"),
    "Staff": _("Staff"),
    "Owners": _("Owner"),
    ADMINISTRATORS: _("Administrator"),
}


def connections() -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model("groups.PosterCredentials").objects.all()
    return rows


def name_of(user: User) -> str:
    return user.get_full_name() or user.get_username()


def language_of(user: User) -> str:
    """Return the language that a user has chosen, or that of the site, for texts without a request."""
    chosen = ChosenLanguage.objects.filter(user=user).values_list("language", flat=True).first()
    return chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def proved_account(user: User) -> QuerySet[Any]:
    """Return the account whose token Poster accepts from this user, as a query of one row or none."""
    return connections().filter(user=user, refused_at=None).values("account")


def seen_by(user: User) -> QuerySet[User]:
    """Return everybody for an Administrator."""
    if user.is_superuser:
        return User.objects.all()
    colleagues = connections().filter(account__in=proved_account(user)).values("user")
    invited = Guardian.objects.filter(guardian=user, invited=True).values("user")
    without_account = ~Q(pk__in=connections().values("user"))
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=colleagues) | Q(pk__in=invited) & without_account)


def managed_by(user: User) -> QuerySet[User]:
    """Return never oneself, and Administrators only for another one."""
    others = seen_by(user).exclude(pk=user.pk)
    return others if user.is_superuser else others.filter(is_superuser=False)


def managed_and_self(user: User) -> QuerySet[User]:
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=managed_by(user)))


def lock_managed(manager: User, user_id: int) -> User | None:
    """Lock both rows until the transaction ends, and return the user if the manager may change them now.

    A user takes the same lock to connect an account, so nobody is managed by a right of the moment before.
    """
    with transaction.atomic():
        both = User.objects.select_for_update(no_key=True).filter(pk__in=(manager.pk, user_id)).order_by("pk")
        present = {user.pk: user for user in both}.get(manager.pk)
        if present is None or not present.has_perm("auth.change_user"):
            return None
        return managed_by(present).filter(pk=user_id).first()


def lock_unchanged(user: User) -> None:
    """Lock a user's row. Raises `PermissionDenied` if a password was set since the user was read."""
    if User.objects.select_for_update().get(pk=user.pk).password != user.password:
        raise PermissionDenied


@sensitive_variables()
def set_password(user: User, password: str) -> None:
    """Set a new password. Raises `PermissionDenied`."""
    with transaction.atomic():
        lock_unchanged(user)
        user.set_password(password)
        # The whole row could undo a block made meanwhile, and the one column would count as a renewed hash.
        user.save(update_fields=["password", "username"])


def set_role(user: User, role: str) -> None:
    """Give a user one role and no other; an Administrator has none of them."""
    user.groups.remove(*user.groups.filter(name__in=settings.ROLES).exclude(name=role))
    if role in settings.ROLES:
        user.groups.add(Group.objects.get(name=role))
