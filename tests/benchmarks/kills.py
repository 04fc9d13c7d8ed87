"""The server killed with SIGKILL during writes, hundreds of times, and what the journal says afterwards.

At each of the four points of the life of a write and at moments of chance; then the worker is killed again
and again while it settles what all of that has left.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import ACTIONS, POINTS, Dashboard, faults_found, kill_during

BY_CHANCE = "by chance"
WORKER_STARTS = 2.0
COLUMNS = ("kills", "no row", "never sent", "not applied", "applied", "other", "wrong")


def main(arguments):
    """Kill so many times, wait until all is settled, and print the table."""
    parser = argparse.ArgumentParser(prog="kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=210)
    parser.add_argument("--worker-kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    began = time.monotonic()
    print(f"seed {options.seed}")
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=2 * options.kills + 50, latency=0.02) as sandbox,
    ):
        dashboard = Dashboard(Path(directory), sandbox)
        try:
            results = run(dashboard, options, random.Random(options.seed))
        finally:
            dashboard.close()
    print_table(results)
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if any(found for _, _, found in results) else 0


def run(dashboard, options, chance):
    """Return each write with its row of the journal and what is wrong with it."""
    writes = []
    for number in range(options.kills):
        point = (*POINTS, BY_CHANCE)[number % (len(POINTS) + 1)]
        write = dashboard.plan(chance.choice(ACTIONS), point)
        dashboard.start()
        kill_during(dashboard, write, chance)
        writes.append(write)
        if sys.stderr.isatty():
            print(f"\r{number + 1} kills", end="", file=sys.stderr, flush=True)
    posts = len(dashboard.sandbox.posts())
    for _ in range(options.worker_kills):
        dashboard.start_worker()
        time.sleep(WORKER_STARTS + chance.uniform(0.0, 2.0))
        dashboard.kill_workers()
    dashboard.start_worker()
    dashboard.wait_until_settled(300)
    rows, sandbox = dashboard.rows(), dashboard.sandbox
    again = len(sandbox.posts()) - posts
    print(f"{options.worker_kills} kills of the worker; {again} POSTs while settling")
    results = [
        (write, row, faults_found(write, row, sandbox))
        for write in writes
        for row in [rows.get(write.operation)]
    ]
    return results + ([(None, None, ["sent while settling"])] if again else [])


def print_table(results):
    """Print how many writes ended how, by the point of the kill."""
    print(f"{'killed':<20}" + "".join(f"{column:>13}" for column in COLUMNS))
    for point in (*POINTS, BY_CHANCE):
        mine = [(row, found) for write, row, found in results if write and write.point == point]
        ends = Counter(end_of(row) for row, _ in mine)
        numbers = [
            len(mine),
            *(ends[column] for column in COLUMNS[1:-1]),
            sum(bool(found) for _, found in mine),
        ]
        print(f"{point:<20}" + "".join(f"{number:>13}" for number in numbers))
    for write, row, found in results:
        if found:
            print("WRONG:", ", ".join(found), write, row)


def end_of(row):
    """Return the column of a row."""
    if row is None:
        return "no row"
    known = {"never_sent": "never sent", "not_applied": "not applied"}
    return known.get(row["reason"], "applied" if row["state"] == "applied" else "other")
