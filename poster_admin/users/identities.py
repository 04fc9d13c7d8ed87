"""Find the user behind a person of the company, and give the roles of the person's groups."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from poster_admin.users import security_log
from poster_admin.users.models import CompanyIdentity, CompanyLink, Event


class NameTaken(SuspiciousOperation):
    """A user has the name here, and no owner has allowed the link."""

    def __init__(self, name: str) -> None:
        super().__init__("A user has the name, and no owner has allowed the link.")
        self.name = name


def user_behind(request: HttpRequest, *, issuer: str, subject: str, name: str, groups: Iterable[str]) -> User:
    """Return the user of a subject, with the roles of the groups; the first sign-in makes the user.

    A name can be given to somebody else later, a subject cannot. Raises `SuspiciousOperation` or
    `ValidationError`.
    """
    identity = CompanyIdentity.objects.filter(issuer=issuer, subject=subject).first()
    user = identity.user if identity else _link(request, issuer, subject, name)
    if not user.is_active:
        raise SuspiciousOperation("The user is blocked here.")
    give_roles(user, groups)
    return user


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


def give_roles(user: User, names: Iterable[str]) -> None:
    """Give the roles that the company's groups stand for, and remove the other mapped roles.

    Without COMPANY_ROLES the roles stay as an owner set them.
    """
    if not settings.COMPANY_ROLES:
        return
    wanted = {settings.COMPANY_ROLES[name] for name in names if name in settings.COMPANY_ROLES}
    has = set(user.groups.filter(name__in=settings.ROLES).values_list("name", flat=True))
    user.groups.add(*Group.objects.filter(name__in=wanted - has))
    user.groups.remove(*Group.objects.filter(name__in=has - wanted))


def _link(request: HttpRequest, issuer: str, subject: str, name: str) -> User:
    """Make the user, or take the one of that name if an owner has allowed that once."""
    User._meta.get_field("username").run_validators(name)
    with transaction.atomic():
        user = User.objects.filter(username=name).first()
        if user is None:
            user = User.objects.create_user(name)
        elif not CompanyLink.objects.filter(user=user).delete()[0]:
            raise NameTaken(name)
        identity = {"issuer": issuer, "subject": subject}
        CompanyIdentity.objects.update_or_create(user=user, defaults=identity)
    security_log.record(Event.LINKED, request=request, user=user)
    return user
