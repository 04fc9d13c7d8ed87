"""Run a simulation by hand, with a database of its own."""

import argparse
import sys
import tempfile
import time

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.writes import installation


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
        owner = connected(installation(directory), "Owners")
        counts, problems = simulate(options.seed, owner, options.number)
    print(*problems, sep="\n")
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())))
    print(f"{time.monotonic() - began:.0f} s")
    if problems:
        sys.exit(blame)


def connected(user, role):
    """Give a user a role and the token of the sandbox's account."""
    from django.contrib.auth.models import Group

    from groups.models import PosterAccount, PosterCredentials

    user.groups.set([Group.objects.get(name=role)])
    account, _ = PosterAccount.objects.get_or_create(name="demo")
    credentials = PosterCredentials.objects.filter(user=user).first() or PosterCredentials(user=user)
    credentials.account = account
    credentials.set_token(Sandbox().accounts["demo"].token)
    credentials.save()
    return type(user).objects.get(pk=user.pk)
