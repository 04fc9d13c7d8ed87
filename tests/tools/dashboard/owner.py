"""Prepare a fresh installation: the database, and an owner who is connected to `demo`.

Reads the token from the standard input and prints the key of a session. It stands alone, because it runs in
the environment of the installation and not in that of the tests.
"""

import sys

import django


def prepare(token):
    """Create the data, and return the key of a session."""
    from django.contrib.auth.models import Group, User

    from groups.services import credentials as credentials_service
    from poster_admin.common.serving import server
    from tests.benchmarks.setup.people import session_of

    server.migrate()
    server.collect_static()
    user = User.objects.create_user("owner")
    user.groups.add(Group.objects.get(name="Owners"))
    credentials_service.connect(user=user, account="demo", token=token)
    return session_of(user)


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(prepare(sys.stdin.read()))
