"""Prepare a fresh installation: the database, and an owner who is connected to `demo`.

`python -m tests.support.dashboard.owner [NAME ACCOUNT]` adds an owner of another account in the same
way. Reads the token from the standard input and prints the key of a session. It stands alone, because it runs
in the environment of the installation and not in that of the tests.
"""

import sys

import django


def prepare(token, name="owner", account="demo"):
    """Create the data, and return the key of a session."""
    from django.contrib.auth.models import Group, User

    from groups.services import credentials as credentials_service
    from poster_admin.common import serving
    from tests.benchmarks.setup.people import session_of

    serving.migrate()
    serving.collect_static()
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name="Owners"))
    credentials_service.connect(user=user, account=account, token=token)
    return session_of(user)


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(prepare(sys.stdin.read(), *sys.argv[1:]))
