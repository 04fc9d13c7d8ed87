"""Tell the Poster account of users, whom one of them sees and manages, and give roles and passwords.

Owners manage the users of their own account, which Poster's token proves, and those without an account whom
they invited. A superuser is an Administrator, and manages everybody. An app above this one names its model of
connections in CONNECTION_MODEL: it has a `user`, an `account`, and `refused_at`, the time since which Poster
refuses the token, or None.
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

from poster_admin.users.models import Guardian

ADMINISTRATORS = "Administrators"
"""Their role is Django's mark of a superuser."""
ROLE_LABELS: dict[str, str | Promise] = {
    "Managers": _("Manager"),
    "Staff": _("Staff"),
    "Owners": _("Owner"),
    ADMINISTRATORS: _("Administrator"),
}


def connections() -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model(settings.CONNECTION_MODEL).objects.all()
    return rows


def name_of(user: User) -> str:
    return user.get_full_name() or user.get_username()


def proved_account(user: User) -> QuerySet[Any]:
    """Return the account whose token Poster accepts from this user, as a query of one row or none."""
    return connections().filter(user=user, refused_at=None).values("account")


def seen_by(user: User) -> QuerySet[User]:
    """Return the users whom `user` sees in the list: everybody for an Administrator."""
    if user.is_superuser:
        return User.objects.all()
    colleagues = connections().filter(account__in=proved_account(user)).values("user")
    invited = Guardian.objects.filter(guardian=user, invited=True).values("user")
    without_account = ~Q(pk__in=connections().values("user"))
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=colleagues) | Q(pk__in=invited) & without_account)


def managed_by(user: User) -> QuerySet[User]:
    """Return the users whom `user` may change: never oneself, and Administrators only for another one."""
    others = seen_by(user).exclude(pk=user.pk)
    return others if user.is_superuser else others.filter(is_superuser=False)


def managed_and_self(user: User) -> QuerySet[User]:
    """Return the users whom `user` may change in Django's admin: those whom `user` manages, and oneself."""
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=managed_by(user)))


def lock_managed(manager: User, user_id: int) -> User | None:
    """Return a user whom the manager may change now, or None; lock both rows until the transaction ends.

    A user takes the same lock to connect an account, so nobody is managed by a right of the moment before. Of
    two who block each other at once, the second one is read again here, and may change nobody any more.
    """
    with transaction.atomic():
        both = User.objects.select_for_update(no_key=True).filter(pk__in=(manager.pk, user_id)).order_by("pk")
        present = {user.pk: user for user in both}.get(manager.pk)
        if present is None or not present.has_perm("auth.change_user"):
            return None
        return managed_by(present).filter(pk=user_id).first()


def lock_unchanged(user: User) -> None:
    """Lock a user's row for the rest of the transaction, so that no other password is set.

    Raises `PermissionDenied` if one was set since the user was read: then the session of the request is over.
    """
    if User.objects.select_for_update().get(pk=user.pk).password != user.password:
        raise PermissionDenied


@sensitive_variables()
def set_password(user: User, password: str) -> None:
    """Set a new password. Raises `PermissionDenied`.

    The whole row is not saved: that could undo a block made meanwhile.
    """
    with transaction.atomic():
        lock_unchanged(user)
        user.set_password(password)
        # The column alone would count as a renewed hash: `signals.user_was_saved`.
        user.save(update_fields=["password", "username"])


def set_role(user: User, role: str) -> None:
    """Give a user one of settings.ROLES, and remove the others; an Administrator has none of them."""
    user.groups.remove(*user.groups.filter(name__in=settings.ROLES).exclude(name=role))
    if role in settings.ROLES:
        user.groups.add(Group.objects.get(name=role))
