"""The workers replaced five times under load, behind nginx as in `deploy/`: no page and no edit is lost.

`make bench ARGS=restart`. An edit is lost if it is not answered with a redirect; a read, if not with a page.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks import running

READERS = 16
EDITORS = 12


def edit(port, cookie, ended, seen):
    """Edit a group again and again, each time from a fresh form, and count the answers."""
    caller, number = running.Caller(port, cookie), 0
    while not ended.is_set():
        number += 1
        page = caller.get("/groups/7/edit/", **{"Accept-Encoding": "identity"})
        if caller.status != 200:
            seen[f"form {caller.status}"] += 1
            continue
        caller.post("/groups/7/edit/", running.edited(page, number))
        seen[caller.status] += 1


def reload(site, reloads):
    """Replace the workers so many times, each time until none has stayed, and return how long that took."""
    took = []
    for _ in range(reloads):
        began, before = time.monotonic(), set(site.workers())
        site.process.send_signal(signal.SIGHUP)
        while before & set(site.workers()):
            time.sleep(0.2)
            if time.monotonic() - began > 120:
                raise RuntimeError("A worker stays.")
        took.append(time.monotonic() - began)
    return took


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=restart", description=__doc__)
    parser.add_argument("--reloads", type=int, default=5)
    options = parser.parse_args(arguments)
    accounts = [f"n50-l10-{number}" for number in range(EDITORS)]
    edits, reads, ended = Counter(), [], threading.Event()
    with (
        tempfile.TemporaryDirectory() as directory,
        running.upstream() as upstream,
        running.dashboard(Path(directory), upstream) as site,
        running.nginx(Path(directory), site.port) as port,
        ThreadPoolExecutor(EDITORS + 1) as pool,
    ):
        site.add_people(["n50-l50", *accounts])

        def read():
            url = f"http://127.0.0.1:{port}/groups/"
            while not ended.is_set():
                reads.append(running.load(url, [site.cookie("n50-l50")], READERS, 5))

        running_ = [pool.submit(edit, port, site.cookie(account), ended, edits) for account in accounts]
        running_.append(pool.submit(read))
        try:
            took = reload(site, options.reloads)
        finally:
            ended.set()
        for each in running_:
            each.result()
        errors = Path(directory, "nginx.log").read_text(encoding="utf-8")
    lost = edits.total() - edits[302]
    failed = sum(each.failed for each in reads)
    sys.stdout.write(
        f"{len(took)} reloads in {', '.join(f'{each:.0f}' for each in took)} s; "
        f"{sum(each.per_second for each in reads) * 5:.0f} reads, {failed} lost; "
        f"{edits.total()} edits, {lost} lost {dict(edits)}\n"
    )
    sys.stdout.writelines(f"  {line[:160]}\n" for line in errors.splitlines()[:5])
    return 1 if lost or failed else 0
