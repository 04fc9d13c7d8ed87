"""Users in their roles, connected to the sandbox and signed in."""

import time

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from groups.models import PosterAccount, PosterCredentials
from poster_admin.users.sessions import CONFIRMED_AT, FROM, STARTED, SessionStore
from poster_admin.users.two_factor import DUE, factor_of

PASSWORD = "a-password-for-tests"


def make_user(name, *, role=None, account=None, sandbox=None):
    """Make a user, in a role, connected to an account of the sandbox; the security log has no line of it.

    Rows made in bulk send no signals: these alone take half of the time to make a user.
    """
    (user,) = User.objects.bulk_create([User(username=name, password=make_password(PASSWORD))])
    if role:
        given = User.groups.through
        given.objects.bulk_create([given(user=user, group=Group.objects.get(name=role))])
    if account:
        connect(user, account, sandbox)
    return user


def connect(user, account, sandbox):
    """Connect a user to an account of the sandbox; the security log has no line of it."""
    owner, _ = PosterAccount.objects.get_or_create(name=account)
    credentials = PosterCredentials(user=user, account=owner)
    credentials.set_token(sandbox.accounts[account].token)
    credentials.save()


def sign_in(client, user):
    """Give a test client the session of a sign-in just now; the security log has no line of it.

    Django's `force_login` makes 23 queries: half of a test's time where it opens one page.
    """
    now, session = time.time(), SessionStore()
    session.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: settings.SIGN_IN_BACKEND,
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            STARTED: now,
            CONFIRMED_AT: now,
            FROM: ("127.0.0.1", ""),
            DUE: factor_of(user) is not None,
        }
    )
    session.create()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
