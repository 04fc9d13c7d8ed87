"""The criteria of 50,000 clients, millions of receipts a year: `make bench ARGS=criteria`.

The same reading is made twice, each in a process of its own: once to judge all clients, and once to forget
them. The difference is what the judging takes: under 2 s of CPU, and under 60 MB.
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

CLIENTS, GROUPS = 50_000, 24
MOST_CPU, MOST_MEMORY, MOST_CALLS = 2.0, 60, 14
# The sandbox invents all sales of a month in one go.
PATIENCE = {"POSTER_READ_TIMEOUT": "120", "POSTER_READ_DEADLINE": "240"}


def main(arguments):
    """Measure both readings, print them, and what is wrong."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=criteria", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=GROUPS, clients=options.clients) as sandbox,
        contextlib.closing(Dashboard(Path(directory), sandbox, **PATIENCE)) as dashboard,
    ):
        plain = measure(dashboard, "plain")
        sandbox.log.clear()
        judged = measure(dashboard, "judged")
        sales = len(sandbox.calls("dash.getClientsSales"))
        pages = len(sandbox.calls("clients.getClients"))
    cpu, memory = judged["cpu"] - plain["cpu"], judged["memory"] - plain["memory"]
    print(
        f"{options.clients:,} clients: {judged['moves']:,} would move; "
        f"read and parsed in {plain['cpu']:.1f} s of CPU, judged in {cpu:.1f} s more, "
        f"{memory:.0f} MB more; {pages} pages of members, {sales} calls for sales"
    )
    wrong = [
        *([f"{cpu:.1f} s of CPU"] if cpu > MOST_CPU else []),
        *([f"{memory:.0f} MB"] if memory > MOST_MEMORY else []),
        *([f"{sales} calls for sales"] if sales > MOST_CALLS else []),
        *([f"{pages} pages of members"] if pages > -(-options.clients // 1000) else []),
    ]
    for each in wrong:
        print("WRONG:", each)
    return 1 if wrong else 0


def measure(dashboard, mode):
    """Return what a reading took in a process of its own."""
    return json.loads(dashboard.run("-m", "tests.benchmarks.setup.judging", mode))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
