"""What a page costs with a long journal and many groups, beside a short one and few.

`make bench ARGS=growth`, on SQLite or on the PostgreSQL of `--database`; the two are asked in turns.
"""

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack, nullcontext
from pathlib import Path

from tests.benchmarks import running
from tests.benchmarks.speed import Caller, medians
from tests.environment import ROOT
from tests.services import empty_database

SMALL, LARGE = ("n50-l50", 200), ("n5000-l50", 100_000)
MOST = 1.5
PAGES = {
    "list": "/groups/",
    "list, Poster asked": "/groups/?refresh=1",
    "list, searched": "/groups/?q=0007",
    "list, sorted": "/groups/?sort=-clients",
    "a group": "/groups/7/",
    "history": "/history/",
    "history, second page": "/history/?page=2",
    "history of a person": "/history/?user=olena",
    "history of a group": "/history/?group=7",
    "history by outcome": "/history/?state=refused",
    "history of days": "/history/?since=2020-01-01&until=2035-01-01",
}


def site_with(stack, directory, upstream, account, rows, server):
    """Start a dashboard with a journal of so many rows, and return who asks it for pages."""
    database = stack.enter_context(empty_database(server) if server else nullcontext(""))
    options = {"DATABASE_URL": database} if database else {}
    site = stack.enter_context(running.dashboard(directory / account, upstream, **options))
    site.add_people([account])
    command = [sys.executable, "-m", "tests.benchmarks.journal", account, str(rows)]
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True)
    return Caller(site.port, site.cookie(account))


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=growth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="of each page")
    parser.add_argument("--database", default="", help="the address of a PostgreSQL server")
    options = parser.parse_args(arguments)
    missed = 0
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        upstream = stack.enter_context(running.upstream())
        small, large = (
            site_with(stack, Path(directory), upstream, account, rows, options.database)
            for account, rows in (SMALL, LARGE)
        )
        for name, path in PAGES.items():
            first, second = medians(
                options.rounds, lambda path=path: small.get(path), lambda path=path: large.get(path)
            )
            if (small.status, large.status) != (200, 200):
                raise RuntimeError(f"{path} answers {small.status} and {large.status}.")
            missed += second / first > MOST
            sys.stdout.write(f"{name:28} {second / first:6.2f}  {second:.1f} ÷ {first:.1f} ms\n")
            sys.stdout.flush()
    return 1 if missed else 0
