"""All clients of a group moved to another one, and the worker killed again and again on the way.

The sandbox answers after some latency. The time of an undisturbed move is held against the calls that it
made, one behind the other in POSTER_MAX_CONCURRENCY rows: 1.3 times that is the most it may take. Afterwards
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
from tests.benchmarks.running import own_memory
from tests.tools.killing import Dashboard
from tests.tools.moving import Move

CONCURRENCY = 4
LEAST = 1.3


def main(arguments):
    """Move, and print the table."""
    parser = argparse.ArgumentParser(prog="move", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--latency", type=float, default=50, help="in milliseconds")
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    wrong = [*undisturbed(options), *(killed(options) if options.kills else [])]
    for each in wrong:
        print("WRONG:", each)
    return sys.exit(1) if wrong else None


def undisturbed(options):
    """Move without a kill; print the time as a ratio, and the worker's memory on the way."""
    with moving(options) as (dashboard, move):
        sandbox = dashboard.sandbox
        move.wait_for(1)
        began, calls, early = time.monotonic(), len(sandbox.log), 0.0
        move.wait_for(options.clients // 10)
        early = own_memory(move.worker.pid)
        move.wait_until_ended(options.clients)
        took, calls = time.monotonic() - began, len(sandbox.log) - calls
        late = own_memory(move.worker.pid)
        needed = calls * options.latency / 1000 / CONCURRENCY
        verdict = "ok" if took / needed <= LEAST else "MISSED"
        print(f"{options.clients} clients, {calls} calls of {options.latency:.0f} ms, {CONCURRENCY} at once")
        print(f"time ÷ (calls × latency ÷ concurrency)  {took / needed:.3f}  {LEAST}  {verdict}"
              f"  {took:.1f} ÷ {needed:.1f} s")  # fmt: skip
        print(f"the worker's own memory, MB: {early:.0f} after a tenth, {late:.0f} at the end")
        return move.faults_found()


def killed(options):
    """Move, and kill the worker at even distances."""
    with moving(options) as (_dashboard, move):
        for number in range(1, options.kills + 1):
            move.wait_for(options.clients * number // (options.kills + 1), options.clients)
            move.kill_worker()
        move.wait_until_ended(options.clients)
        print(f"{options.kills} kills; {move.moved} of {options.clients} have arrived")
        return move.faults_found()


@contextlib.contextmanager
def moving(options):
    """Make an installation with a move that has just begun."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(latency=options.latency / 1000) as sandbox,
        contextlib.closing(Dashboard(Path(directory), sandbox, POSTER_WRITE_DEADLINE="30")) as dashboard,
    ):
        # The server's follower puts a job that was cut off into the queue again.
        dashboard.start()
        move = Move(dashboard, options.clients)
        try:
            yield dashboard, move
        finally:
            move.end_worker()


if __name__ == "__main__":
    main(sys.argv[1:])
