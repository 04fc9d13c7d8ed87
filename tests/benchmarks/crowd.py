"""A Monday morning: 200 people of one account at once while a twentieth of Poster's answers is a fault.

`make bench ARGS=crowd`: what they are answered, how long they wait, and what the workers take of the memory.
"""

import argparse
import http.client
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup import running

FAULTS = ("status_500", "fin_before_headers", "html_echo", "status_503", "timeout")
ONE_IN = 20
PATHS = ("/groups/", "/groups/?refresh=1", "/groups/?q=1", "/groups/1/", "/groups/4/edit/", "/history/")


def ask(port, cookie, path, seen):
    """Ask for a page, and note what came and after how many seconds."""
    began = time.monotonic()
    try:
        caller = running.Caller(port, cookie)
        caller.get(path)
        status = caller.status
    except (OSError, http.client.HTTPException) as error:
        status = type(error).__name__
    seen.append((str(status), time.monotonic() - began))


def visit(port, cookie, until, seen):
    """Look at pages as one person does, with a moment between them."""
    while time.monotonic() < until:
        time.sleep(random.uniform(0, 2))
        ask(port, cookie, random.choice(PATHS), seen)


def hammer(port, cookie, until, seen):
    """Ask for a form without a pause."""
    while time.monotonic() < until:
        ask(port, cookie, "/groups/4/edit/", seen)
        time.sleep(0.05)


def watch(site, until, most):
    """Note the most that the workers had of memory and threads."""
    while time.monotonic() < until:
        pids = site.workers()
        memory = round(sum(map(running.own_memory, pids)))
        threads = [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids]
        most |= Counter(MB=memory, threads=max(threads))  # of each the larger one
        time.sleep(1)


def told(who, seen):
    """Write a line about what some were answered."""
    times = [seconds for _, seconds in seen]
    percentiles = statistics.quantiles(times, n=100)
    statuses = dict(sorted(Counter(status for status, _ in seen).items()))
    sys.stdout.write(
        f"{who}: {len(seen)} answers {statuses}, "
        f"p50 {percentiles[49]:.2f}, p99 {percentiles[98]:.2f}, longest {max(times):.1f} s\n"
    )
    return set(statuses)


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--greedy", type=int, default=0, help="connections of one person who never rests")
    parser.add_argument("--seconds", type=int, default=40)
    options = parser.parse_args(arguments)
    names = [f"person-{number}" for number in range(options.people)]
    seen, greedy, most = [], [], Counter(MB=0, threads=0)
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=500, clients=5000, latency=0.2) as sandbox,
    ):
        port = sandbox.url.split(":")[2].split("/")[0]
        with running.dashboard(Path(directory), port, cache_seconds="5") as site:
            site.add_people([*names, "greedy"], account="demo", token=sandbox.accounts["demo"].token)
            at_rest = sum(running.own_memory(pid) for pid in site.workers())
            for call in range(ONE_IN, 10_000, ONE_IN):
                sandbox.script("*", random.choice(FAULTS), call=call)
            until = time.monotonic() + options.seconds
            with ThreadPoolExecutor(options.people + options.greedy + 1) as pool:
                work = [
                    pool.submit(watch, site, until, most),
                    *(
                        pool.submit(hammer, site.port, site.cookie("greedy"), until, greedy)
                        for _ in range(options.greedy)
                    ),
                    *(pool.submit(visit, site.port, site.cookie(name), until, seen) for name in names),
                ]
            for each in work:
                each.result()
    statuses = told("people", seen) | (told("the greedy one", greedy) if greedy else set())
    sys.stdout.write(f"{len(sandbox.log)} calls; {at_rest:.0f} MB at rest, at most {dict(most)}\n")
    return 1 if statuses - {"200", "304", "502", "503", "504"} else 0
