"""Slow strangers: 300 requests whose body or header never ends, and pages asked for meanwhile.

`make bench ARGS=slow`, without a proxy and behind nginx as in `deploy/`. None has signed in, and where one is
closed another one is opened. Each page is asked for on a connection of its own.
"""

import argparse
import asyncio
import contextlib
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.setup import running

ACCOUNT = "n50-l50"
ASKING = 8
PATIENCE = 5.0
HEAD = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
BODY = (
    HEAD
    + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n"
    + b"Cookie: csrftoken="
    + running.CSRF.encode()
    + b"\r\n\r\n"
)
KINDS = {"no one": b"", "half-sent bodies": BODY, "half-sent headers": HEAD + b"X-Slow: "}


async def _hold(port, start, counts):
    """Send a request one byte a second, again and again."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            counts["opened"] += 1
            answer = asyncio.ensure_future(reader.read())
            try:
                writer.write(start)
                while not answer.done():
                    writer.write(b"x")
                    await asyncio.wait([answer], timeout=1)
                counts[f"answered {answer.result()[9:12].decode()}" if answer.result() else "closed"] += 1
            finally:
                answer.cancel()
                writer.transport.abort()
        await asyncio.sleep(0.1)


async def _hold_all(port, number, start, counts, until):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_hold(port, start, counts)) for _ in range(number)]
        await asyncio.to_thread(until.wait)
        for task in tasks:
            task.cancel()


@contextlib.contextmanager
def held(port, number, start):
    """Hold so many connections to the end of the block, and yield what became of them."""
    counts, ended = Counter(), threading.Event()
    holding = _hold_all(port, number, start, counts, ended)
    thread = threading.Thread(target=asyncio.run, args=[holding])
    thread.start()
    try:
        yield counts
    finally:
        ended.set()
        thread.join()


def ask(port, cookie, until, times):
    """Ask for pages until the time is over: the sign-in of a stranger and the list of a user in turns."""
    turn = 0
    while time.monotonic() < until:
        path, headers = [("/accounts/login/", {}), ("/groups/", {"Cookie": cookie})][turn % 2]
        turn += 1
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={**headers, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            times.append((time.monotonic() - began, answer.status))
        except OSError:
            times.append((PATIENCE, 0))
        finally:
            connection.close()
        time.sleep(0.1)


def measure(port, cookie, kind, number, seconds):
    """Return a line about the pages that were asked for while so many were held."""
    times = []
    with held(port, number if KINDS[kind] else 0, KINDS[kind]) as counts:
        time.sleep(2)
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(ASKING) as pool:
            asking = [pool.submit(ask, port, cookie, until, times) for _ in range(ASKING)]
        for each in asking:
            each.result()
    good = sum(seconds < 1 and status == 200 for seconds, status in times)
    p99 = statistics.quantiles([seconds for seconds, _ in times], n=100)[98]
    statuses = dict(Counter(status for _, status in times))
    return good, len(times), f"{good} of {len(times)} within 1 s, p99 {p99:.2f} s {statuses} {dict(counts)}"


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=slow", description=__doc__)
    parser.add_argument("--held", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=12)
    options = parser.parse_args(arguments)
    failed = 0
    with (
        tempfile.TemporaryDirectory() as directory,
        running.upstream() as upstream,
        running.dashboard(Path(directory), upstream) as site,
        running.nginx(Path(directory), site.port) as front,
    ):
        site.add_people([ACCOUNT])
        for where, port in (("alone", site.port), ("behind nginx", front)):
            for kind in KINDS:
                good, asked, line = measure(port, site.cookie(ACCOUNT), kind, options.held, options.seconds)
                failed += asked - good
                sys.stdout.write(f"{where:13} {kind:18} {line}\n")
                sys.stdout.flush()
        memory = ", ".join(f"{running.own_memory(pid):.0f}" for pid in site.workers())
        sys.stdout.write(f"workers {memory} MB\n")
    return 1 if failed else 0
