"""A long load with faults mixed in: memory stays flat, and no page fails that Poster did not.

The sandbox stands for Poster here, since it knows how to fail. `make bench ARGS='soak --minutes 10'`.
"""

import argparse
import collections
import http.client
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup import running

CONNECTIONS = 32
FAULTS = ("status_500", "fin_before_headers", "html_echo", "response_null", "status_503")
# Statuses allowed while Poster misbehaves: the page or a stale copy, a fault in words, a full queue. A
# connection that broke is counted by the name of its error, and is none of them.
EXPECTED = {200, 304, 502, 503, 504}


def browse(site, cookie, until, seen):
    random_ = random.Random()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    paths = ("/groups/", "/groups/?refresh=1", "/groups/?q=1&sort=-clients", "/groups/1/", "/history/")
    while time.monotonic() < until:
        try:
            connection.request("GET", random_.choice(paths), headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            seen[answer.status] += 1
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            seen[type(error).__name__] += 1


def spoil(sandbox, until):
    while time.monotonic() < until:
        sandbox.script("*", random.choice(FAULTS), times=random.randint(1, 8))
        time.sleep(0.5)
        sandbox.log.clear()


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args(arguments)
    seen = collections.Counter()
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=500, clients=5000, latency=0.05) as sandbox,
    ):
        port = sandbox.url.split(":")[2].split("/")[0]
        with running.dashboard(Path(directory), port, cache_seconds="1") as site:
            people = [f"person-{number}" for number in range(CONNECTIONS)]
            site.add_people(people, account="demo", token=sandbox.accounts["demo"].token)
            until = time.monotonic() + options.minutes * 60
            threads = [
                threading.Thread(target=browse, args=(site, site.cookie(person), until, seen))
                for person in people
            ]
            threads.append(threading.Thread(target=spoil, args=(sandbox, until)))
            for thread in threads:
                thread.start()
            while time.monotonic() < until:
                time.sleep(min(60, options.minutes * 15))
                memory = ", ".join(f"{running.own_memory(pid):.0f}" for pid in site.workers())
                sys.stdout.write(f"{sum(seen.values())} answers {dict(seen)}; workers {memory} MB\n")
                sys.stdout.flush()
            for thread in threads:
                thread.join(90)
            stuck = sum(thread.is_alive() for thread in threads)
    sys.stdout.write(f"{dict(seen)}, {stuck} stuck\n")
    return 1 if stuck or set(seen) - EXPECTED else 0
