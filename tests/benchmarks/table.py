"""Measure the dashboard: ratios taken in one run, to the calls that it needs and to Django's admin.

All runs on one machine and shares its cores, and times do not travel; the ratios do. One measurement is
interleaved with the one that it is compared to. Nothing is remembered but Poster's list, and that only where
a row says warm. `raw` is the call alone, by http.client on a connection that is kept alive.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

from tests.benchmarks.rows import many_users, one_user, results
from tests.benchmarks.setup.lab import Lab
from tests.benchmarks.setup.running import Missing

# Memory comes after the load that it is measured after.
ROWS = {
    "list": one_user.lists,
    "large-list": one_user.large_list,
    "detail": one_user.detail,
    "form": one_user.form,
    "cpu": one_user.cpu,
    "warm": many_users.warm_list,
    "cold": many_users.cold_viewers,
    "users": many_users.users_at_once,
    "memory": many_users.memory,
    "weight": many_users.weight,
}
BROKEN = (OSError, RuntimeError, HTTPException, subprocess.SubprocessError)


def main(arguments):
    """Print the table, and return 1 if a row could not be measured although all that it needs is there."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="measure hardly anything: does it still run?")
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and the servers are ended too
    began, broken, (load, *_) = time.monotonic(), 0, os.getloadavg()
    results.show_head()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        lab = Lab(stack, Path(directory), quick=options.quick)
        for name in options.only:
            try:
                for row in ROWS[name](lab):
                    results.show(row)
            except Missing as missing:
                results.show(results.Row(name=name, measured=None, note=f"not measured: {missing}"))
            except BROKEN as error:
                broken += 1
                results.show(results.Row(name=name, measured=None, note=f"not measured: {error}"))
    took = time.monotonic() - began
    sys.stdout.write(f"\n{took:.0f} s on {os.cpu_count()} cores; their load before was {load:.1f}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
