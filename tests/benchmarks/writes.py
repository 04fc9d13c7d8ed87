"""Thousands of writes on a bad network: what people are told, and what Poster has in truth.

The dashboard's own write path, from `execute` to the last look of the reconciler, runs beside two clients
as they are usually written: one takes every error for a failure, the other one also tries three times more.
The time is counted and not waited for, see `tests.tools.pretence`.
"""

import argparse
import json
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from poster_admin.devtools.sandbox import Sandbox
from tests.tools.pretence import FATES, BadNetwork, Clock, Poster, in_time_of

SOMEBODY_ELSE = 0.10
TRIES_AGAIN = 0.80
MOST_TRIES = 5
MINUTE = 60.0
# Each count, its title, and the whole that it is a share of.
COLUMNS = {
    "duplicates": ("duplicate groups", "creations"),
    "twice": ("one click, applied twice", "clicks"),
    "false_failed": ("told failed, was applied", "clicks"),
    "false_applied": ("told applied, by another", "clicks"),
    "lost": ("written over unseen", "clicks"),
    "person": ("left for a person", "clicks"),
}
OTHERS_RENAME = 0.50
"""The share of changes after which a colleague renames the same group at once."""


@dataclass
class Wanted:
    """The change that a user wants of one group, however many clicks it takes."""

    action: str
    name: str
    percent: str
    group_id: int | None = None


class World:
    """One Poster, the way to it, and people who work with it; with a `lag` they all work in the dashboard."""

    def __init__(self, seed, *, longest_delay, lag=0.0):
        self.chance = random.Random(seed)
        self.clock = Clock()
        self.poster = Poster(self.clock)
        self.network = BadNetwork(self.poster, self.clock, self.chance, longest_delay=longest_delay, lag=lag)
        self.counts = Counter()
        self._lags = bool(lag)

    def wanted(self, number):
        """Make up a wish, and the group that it is about."""
        action = self.chance.choice(("create", "update", "update", "remove"))
        wanted = Wanted(action, f"Група {number}", str(self.chance.randrange(1, 50)))
        if action != "create":
            wanted.group_id = self.poster.put(wanted.name, "60")
        return wanted

    def disturb(self, wanted):
        """Let somebody else at Poster's own console come in between, perhaps."""
        if not self._lags and self.chance.random() < SOMEBODY_ELSE:
            self.clock.later(self.chance.uniform(0, 2 * MINUTE), lambda: self._meddle(wanted))

    def _meddle(self, wanted):
        if wanted.action == "create":
            self.poster.put(wanted.name, wanted.percent)
        elif wanted.group_id in self.poster.groups:
            if wanted.action == "remove" and self.chance.random() < 0.5:
                del self.poster.groups[wanted.group_id]
            else:
                self.poster.groups[wanted.group_id]["client_groups_discount"] = "77"

    def run(self, writes, click):
        """Fulfil so many wishes by clicks, each of which returns what its user was told; count the lies."""
        for number in range(writes):
            wanted, clicks = self.wanted(number), []
            self.disturb(wanted)
            self._fulfil(wanted, clicks, click)
            if wanted.action == "update" and clicks and clicks[-1][1] == "applied" and self._lags:
                self._rename(wanted, clicks, click)
            self.clock.drain()
            self._compare(wanted, clicks)
            # Remove the group: it would only make the lists of the next changes longer.
            self.poster.forget()

    def _fulfil(self, wanted, clicks, click):
        for _ in range(MOST_TRIES):
            if wanted.action != "create" and wanted.group_id not in self.poster.groups:
                break
            seen = click.open_form(wanted)
            self.clock.sleep(self.chance.uniform(5, MINUTE))
            self.network.operation = operation = uuid.UUID(int=self.chance.getrandbits(128), version=4)
            told = click(wanted, seen, operation)
            clicks.append((operation, told))
            if told != "failed" or self.chance.random() > TRIES_AGAIN:
                break

    def _rename(self, wanted, clicks, click):
        """Let a colleague rename the group: the percent that was saved a moment ago has to stay."""
        if self.chance.random() > OTHERS_RENAME:
            return
        self.clock.sleep(self.chance.uniform(0, 20))
        self._fulfil(Wanted("update", f"{wanted.name} (нова)", "", wanted.group_id), clicks, click)
        self.clock.drain()
        row = self.poster.groups.get(wanted.group_id)
        self.counts["lost"] += row is not None and row["client_groups_discount"] != wanted.percent

    def _compare(self, wanted, clicks):
        network, count = self.network, self.counts
        count["writes"] += 1
        count["clicks"] += len(clicks)
        count["creations"] += wanted.action == "create"
        made = sum(network.applied[operation] for operation, _ in clicks)
        count["duplicates"] += wanted.action == "create" and made > 1
        for operation, told in clicks:
            applied = network.applied[operation]
            count["twice"] += applied > 1
            count["false_failed"] += told == "failed" and applied > 0
            count["false_applied"] += told == "applied" and not applied
            count["person"] += told == "review"
            count["posts"] = max(count["posts"], network.arrived[operation])


# --- The dashboard -----------------------------------------------------------------------------------------


class Dashboard:
    """Click as a user of the dashboard does: open the form, send it, and wait for what the page says."""

    def __init__(self, world, user):
        self._world, self._user = world, user

    def open_form(self, wanted):
        """Return the values on which the form of a group is opened, as its view does; None for a new one."""
        from groups.poster import PosterError
        from groups.services.credentials import credentials_of
        from groups.services.groups import read_now
        from groups.services.writes.lag import with_pending_change

        if wanted.action == "create":
            return None
        credentials = credentials_of(self._user)
        while True:
            try:
                group = read_now(credentials, wanted.group_id).group
            except PosterError:
                self._world.clock.sleep(5)
                if wanted.group_id not in self._world.poster.groups:
                    return None
            else:
                return with_pending_change(credentials.account_id, group)[0].values

    def __call__(self, wanted, seen, operation):
        from groups.services.writes.execute import execute
        from groups.services.writes.reconcile import follow_up

        change = execute(self._command(wanted, seen, operation))
        clock = self._world.clock
        while change.is_open:
            clock.sleep(max((change.next_check_at - clock.now()).total_seconds(), 0))
            follow_up(change)
        return {"differs": "applied", "refused": "failed"}.get(change.state, change.state)

    def _command(self, wanted, seen, operation):
        from groups.poster import GroupValues
        from groups.services.credentials import credentials_of
        from groups.services.writes.commands import CreateGroup, RemoveGroup, UpdateGroup

        percent = Decimal(wanted.percent) if wanted.percent else seen.percent
        intended = GroupValues(name=wanted.name, loyalty_type=2, percent=percent)
        columns = {"credentials": credentials_of(self._user), "operation": operation}
        if wanted.action == "create":
            return CreateGroup(**columns, intended=intended)
        if wanted.action == "remove":
            return RemoveGroup(**columns, group_id=wanted.group_id, loaded=seen, loaded_clients=0)
        return UpdateGroup(**columns, group_id=wanted.group_id, loaded=seen, intended=intended)


def run_dashboard(world, user, writes):
    """Run the write path over the network of a world."""
    from unittest import mock

    from groups.services import gateway

    with in_time_of(world.clock), mock.patch.object(gateway, "transport", return_value=world.network):
        world.run(writes, Dashboard(world, user))
    return world.counts


# --- As it is usually done ---------------------------------------------------------------------------------


class Naive:
    """Send, and believe the answer; an error is a failure, after so many retries."""

    def __init__(self, world, retries):
        self._world, self._retries = world, retries

    def open_form(self, wanted):
        """Look at nothing: such a client sends what it was told."""

    def __call__(self, wanted, _seen, _operation):
        for _ in range(1 + self._retries):
            told = self._post(wanted)
            if told != "error":
                return told
        return "failed"

    def _post(self, wanted):
        from groups.poster import Timeouts
        from groups.poster.transport import Answer

        form = {
            "loyalty_type": "2",
            "client_groups_name": wanted.name,
            "client_groups_discount": wanted.percent,
        }
        if wanted.group_id is not None:
            form |= {"client_groups_id": str(wanted.group_id), "group_id": str(wanted.group_id)}
        deadline = self._world.clock.seconds + 15
        answer = self._world.network.exchange(
            "POST",
            f"clients.{wanted.action}Group",
            params={},
            form=form,
            timeouts=Timeouts(),
            deadline=deadline,
        )
        if not isinstance(answer, Answer) or answer.status != 200:
            return "error"
        return "applied" if "response" in json.loads(answer.body) else "failed"


def run_naive(world, retries, writes):
    """Run a naive client over the network of a world."""
    world.run(writes, Naive(world, retries))
    return world.counts


# --- The benchmark -----------------------------------------------------------------------------------------


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


def main(arguments):
    """Run all, and print the table."""
    parser = argparse.ArgumentParser(prog="writes", description=__doc__.partition("\n")[0])
    parser.add_argument("--writes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    fates = ", ".join(f"{share:.0%} {fate}" for fate, share in FATES.items())
    print(f"{options.writes} writes each, seed {options.seed}: {fates};")
    print(f"{SOMEBODY_ELSE:.0%} somebody else edits; {TRIES_AGAIN:.0%} of what failed is tried again.\n")
    print(f"{'':<62}" + "".join(f"{title:>26}" for title, _ in COLUMNS.values()) + "  most POSTs a click")
    began = time.monotonic()
    for retries, name in ((3, "3 retries on every error"), (0, "no retry, an error is a failure")):
        show(name, run_naive(World(options.seed, longest_delay=15 * MINUTE), retries, options.writes))
    with tempfile.TemporaryDirectory() as directory:
        user = installation(directory)
        for minutes, share, lag in ((15, 1, 0), (15, 1, 60), (60, 4, 0)):
            name = f"dashboard, applied up to {minutes} min late"
            name += f", reads up to {lag} s old" if lag else ""
            # It waits for half an hour: a write that comes even later is told falsely (docs/guarantees.md).
            name += "" if minutes <= 30 else " (too late)"
            world = World(options.seed + minutes, longest_delay=minutes * MINUTE, lag=lag)
            counts = run_dashboard(world, user, options.writes // share)
            show(name, counts)
            lies = ("duplicates", "twice", "false_failed", *(("false_applied", "lost") if lag else ()))
            if minutes == 15 and (any(counts[lie] for lie in lies) or counts["posts"] > 1):
                sys.exit("A write was doubled, lost, or told falsely.")
    print("\nShares are of the clicks; duplicates are of the creations.")
    print(f"{time.monotonic() - began:.0f} s")


def show(name, counts):
    """Print a row: how often, and in percent of the clicks, or of the creations."""
    shares = {column: counts[column] / max(counts[whole], 1) for column, (_, whole) in COLUMNS.items()}
    cells = (f"{counts[column]} ({share:.1%})" for column, share in shares.items())
    print(f"{name:<62}" + "".join(f"{cell:>26}" for cell in cells) + f"{counts['posts']:>20}", flush=True)
