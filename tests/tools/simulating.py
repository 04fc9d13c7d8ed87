"""Run a simulation by hand, with a database of its own."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time

from poster_admin.devtools.sandbox import Sandbox


def by_hand(doc, number, default, simulate, blame):
    """Run as much as the options say, print what was counted, and exit with `blame` if something was wrong.

    `simulate(seed, owner, number)` returns what was counted and what was wrong.
    """
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument(f"--{number}", dest="number", type=int, default=default)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        counts, problems = simulate(options.seed, installation(directory), options.number)
    print(*problems, sep="\n")
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    print(f"{time.monotonic() - began:.0f} s")
    if problems:
        sys.exit(blame)


def installation(directory):
    """Make a dashboard with a database of its own, with the settings of production; return its owner."""
    from tests.support.databases import migrated  # reads nothing of this shell's from here on

    defaults = {"CONNECT_TIMEOUT": 3, "READ_TIMEOUT": 8, "READ_DEADLINE": 12, "WRITE_DEADLINE": 30}
    os.environ.update({f"POSTER_{name}": str(value) for name, value in defaults.items()})
    os.environ["DATABASE_URL"] = f"sqlite:///{directory}/db.sqlite3"
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    import django

    django.setup()
    logging.disable()
    shutil.copy(migrated(), f"{directory}/db.sqlite3")
    return connected("owner", "Owners")


def connected(name, role):
    """Make a user with a role, connected to the account `demo` of the sandbox."""
    from django.contrib.auth.models import Group, User

    from groups.models import PosterAccount, PosterCredentials

    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=role))
    account, _ = PosterAccount.objects.get_or_create(name="demo")
    credentials = PosterCredentials(user=user, account=account)
    credentials.set_token(Sandbox().accounts["demo"].token)
    credentials.save()
    return user
