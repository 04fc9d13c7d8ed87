"""Remember which people know a way to sign in as a user, and end these once the user is no longer theirs.

Without that an owner of another account could sign in by an old password, or by a link to a new one.
"""

import secrets

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from poster_admin.users import accounts, sessions, two_factor
from poster_admin.users.models import CompanyIdentity, CompanyLink, Guardian

# Set in the session of a user whose ways in have just ended: the next password is chosen without the old one.
PASSWORD_DUE = "password_due"


def note(user: User, guardian: User | None, *, invited: bool = False) -> None:
    """Remember a person who made a user, or set the password, the address or a role."""
    if guardian is not None and guardian.pk != user.pk:
        Guardian.objects.get_or_create(user=user, guardian=guardian, defaults={"invited": invited})


def arrive(user: User, account: str) -> None:
    """End all ways in of a user who has just connected `account`, if people outside of it may know one.

    These people gave the role too: where the account has other users, it becomes the lowest one.
    """
    if user.is_superuser:
        return
    of_account = accounts.connections().filter(account=account)
    if not below_administrators(user).exclude(guardian__in=of_account.filter(refused_at=None).values("user")):
        return
    end_ways_in(user)
    if of_account.exclude(user=user).exists():
        accounts.set_role(user, settings.ROLES[0])


def below_administrators(user: User) -> QuerySet[Guardian]:
    return Guardian.objects.filter(user=user).exclude(guardian__is_superuser=True)


def end_ways_in(user: User) -> None:
    """Replace the password by one that nobody knows, which ends all sessions; forget other ways in."""
    if user.has_usable_password():
        user.set_password(secrets.token_urlsafe())
        CompanyIdentity.objects.filter(user=user).delete()
    else:
        user.set_unusable_password()
    user.email = ""
    user.save(update_fields=["password", "email"])
    two_factor.remove(user)
    CompanyLink.objects.filter(user=user).delete()
    Guardian.objects.filter(user=user).delete()


def keep_session(request: HttpRequest, user: User) -> None:
    """Keep the session of a request alone after the ways in of its user have ended."""
    update_session_auth_hash(request, user)
    two_factor.unmark(request)
    sessions.end(user, but=request.session.session_key)
    request.session[PASSWORD_DUE] = user.has_usable_password()
