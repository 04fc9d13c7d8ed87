"""Make the people of the dashboard.

`python -m tests.benchmarks.setup.people NAME…` prints their sessions as JSON.
"""

import json
import os
import sys
import time
from importlib import import_module


def session_of(user):
    """Sign a user in just now, without a browser, and return the session's key."""
    from django.apps import apps
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if apps.is_installed("poster_admin.users"):  # Django's admin, which is measured beside, has no such time
        from poster_admin.users.sessions import CONFIRMED_AT

        session[CONFIRMED_AT] = time.time()
    session.create()
    return session.session_key


def make(names):
    """Make members of the staff, each connected to the account of that name, and return their sessions."""
    from django.contrib.auth.models import Group, User

    from groups.models import PosterAccount, PosterCredentials

    sessions = {}
    staff = Group.objects.get(name="Staff")
    for name in names:
        user = User.objects.create_user(name)
        user.groups.add(staff)
        owner, _ = PosterAccount.objects.get_or_create(name=os.environ.get("BENCHMARK_ACCOUNT") or name)
        link = PosterCredentials(user=user, account=owner)
        link.set_token(os.environ.get("BENCHMARK_TOKEN") or f"000000:{'benchmark' * 2}{name}")
        link.save()
        sessions[name] = session_of(user)
    return sessions


if __name__ == "__main__":
    import django

    django.setup()
    json.dump(make(sys.argv[1:]), sys.stdout)
