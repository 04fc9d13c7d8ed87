"""A night of figures in a large account: the time of the run, and the memory of the worker that makes it."""

import argparse
import os
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from poster_admin.devtools.defaults import documented_defaults
from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, wait_until

SWITCH_ON = """
import django
django.setup()
from django.contrib.auth.models import User
from groups.features.elsewhere.services import switch_on
switch_on(User.objects.get().credentials)
"""
LONGEST = 3600
# Tests wait for less.
DEADLINES = ("POSTER_READ_TIMEOUT", "POSTER_READ_DEADLINE")


def main(arguments):
    """Let a worker make its first run, and print what that took."""
    parser = argparse.ArgumentParser(prog="nights", description=__doc__.partition("\n")[0])
    parser.add_argument("--groups", type=int, default=5_000)
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--latency", type=float, default=0, help="of Poster, in ms")
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.settings"
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(options.groups, options.clients, options.latency / 1000) as sandbox,
    ):
        deadlines = {name: documented_defaults()[name] for name in DEADLINES}
        # As `serve` starts a worker.
        memory_of = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024)}
        dashboard = Dashboard(Path(directory), sandbox, MOVEMENT_SECONDS="0", **deadlines, **memory_of)
        try:
            worker = dashboard.start_worker()
            wait_until(lambda: dashboard.table("groups_workerheartbeat"), 0.05, LONGEST)
            at_rest = memory(worker)
            dashboard.run("-c", SWITCH_ON)
            began = time.monotonic()
            wait_until(lambda: tally(dashboard)["ran_at"], 0.5, LONGEST)
            night = time.monotonic() - began
            most = memory(worker)
            calls = len(sandbox.calls("dash.getTransactions")), len(sandbox.calls("clients.getClients"))
            yesterday = f"{date.today() - timedelta(days=1)}"  # noqa: DTZ011 - the clock of the machine
            receipts = sum(row["receipts"] or 0 for row in rows(dashboard) if row["day"] == yesterday)
            print(
                f"{options.groups} groups, {options.clients} clients, {receipts} receipts of members that day"
            )
            print(f"{len(dashboard.table('cards_carduse'))} uses of cards")
            print(f"night {night:.0f} s, calls {calls[0]} + {calls[1]}")
            print(f"memory of the worker: {at_rest:.0f} MB at its start, {most:.0f} MB at most", flush=True)
        finally:
            dashboard.close()
    return 0


def tally(dashboard):
    return next(iter(dashboard.table("figures_tally")), {"ran_at": None})


def rows(dashboard):
    return dashboard.table("figures_figure")


def memory(process):
    """Return the most memory that a process has had, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
