"""All clients of a group moved to another one, and the worker killed again and again on the way.

The sandbox answers after some latency. The time of an undisturbed move is held against the calls that it
made, one behind the other in POSTER_MAX_CONCURRENCY rows. `make bench ARGS=move` kills the worker: afterwards
every client is where they should be, once, and the journal says so.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.rows.results import Row
from tests.benchmarks.setup.running import own_memory
from tests.support.dashboard.killing import Dashboard
from tests.support.dashboard.moving import Move

CONCURRENCY = 4
CLIENTS = 5000
LATENCY = 0.05


def move(lab):
    """Yield the time of a move that nothing disturbs beside the time of its calls."""
    clients = lab.some(CLIENTS, 100)
    with moving(clients, LATENCY) as (dashboard, moved):
        log = dashboard.sandbox.log
        moved.wait_for(1)
        began, before = time.monotonic(), len(log)
        moved.wait_until_ended(clients)
        took, calls = time.monotonic() - began, len(log) - before
        memory = own_memory(moved.worker.pid)
        if wrong := moved.faults_found():
            raise RuntimeError(", ".join(wrong))
    needed = calls * LATENCY / CONCURRENCY
    note = f"{took:.1f} ÷ {needed:.1f} s, {calls} calls, the worker's memory {memory:.0f} MB"
    name = f"{clients:,} clients moved ÷ (calls × latency ÷ concurrency)"
    yield Row(name=name, measured=took / needed, at_least=1.25, goal=1.10, note=note)


def main(arguments):
    """Move, and kill the worker at even distances."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=move", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--latency", type=float, default=LATENCY * 1000, help="in milliseconds")
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args(arguments)
    with moving(options.clients, options.latency / 1000) as (_dashboard, moved):
        for number in range(1, options.kills + 1):
            moved.wait_for(options.clients * number // (options.kills + 1), options.clients)
            moved.kill_worker()
        moved.wait_until_ended(options.clients)
        print(f"{options.kills} kills; {moved.moved} of {options.clients} have arrived")
        wrong = moved.faults_found()
    for each in wrong:
        print("WRONG:", each)
    return 1 if wrong else 0


@contextlib.contextmanager
def moving(clients, latency):
    """Make an installation with a move that has just begun; `latency` in seconds."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(latency=latency) as sandbox,
        contextlib.closing(Dashboard(Path(directory), sandbox, POSTER_WRITE_DEADLINE="30")) as dashboard,
    ):
        moved = Move(dashboard, clients)
        try:
            yield dashboard, moved
        finally:
            moved.end_worker()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
