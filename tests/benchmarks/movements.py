"""A night of movements among 50,000 clients: `make bench ARGS=movements`.

Two nights are made, each in a process of its own: the first look, and one that finds many clients in another
group and so reads the list twice. The same pages are read alone too: the difference is what a night takes.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard

CLIENTS, GROUPS, MOVED = 50_000, 24, 500
MOST_CPU, MOST_MEMORY = 1.0, 60


def main(arguments):
    """Measure a night, print it, and what is wrong."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=movements", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=GROUPS, clients=options.clients) as sandbox,
        contextlib.closing(Dashboard(Path(directory), sandbox)) as dashboard,
    ):
        plain = measure(dashboard, "plain")
        measure(dashboard, "night")
        move_some(sandbox, min(MOVED, options.clients // 3))
        sandbox.log.clear()
        night = measure(dashboard, "night")
        pages, alone = (len(sandbox.calls(f"clients.{method}")) for method in ("getClients", "getClient"))
    cpu, memory = night["cpu"] - 2 * plain["cpu"], night["memory"] - plain["memory"]
    print(
        f"{options.clients:,} clients, {night['movements']} movements: two lists are read and parsed in "
        f"{2 * plain['cpu']:.1f} s of CPU, compared and stored in {cpu:.2f} s and {memory:.0f} MB more; "
        f"{pages} pages, {alone} clients alone; the roll has {night['roll'] / 1000:.0f} kB"
    )
    wrong = [
        *([f"{cpu:.1f} s of CPU"] if cpu > MOST_CPU else []),
        *([f"{memory:.0f} MB"] if memory > MOST_MEMORY else []),
        *([f"{night['movements']} movements"] if not night["movements"] else []),
    ]
    for each in wrong:
        print("WRONG:", each)
    return 1 if wrong else 0


def move_some(sandbox, clients):
    """Move clients in Poster's console."""
    account = sandbox.accounts["demo"]
    *_others, to_id, from_id = sorted(account.groups, key=account.clients.live)
    for client_id in list(account.clients.ids(from_id))[:clients]:
        sandbox.console().edit_client(client_id, client_groups_id=str(to_id))


def measure(dashboard, mode):
    """Return what a look took in a process of its own."""
    return json.loads(dashboard.run("-m", "tests.benchmarks.setup.looking", mode).splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
