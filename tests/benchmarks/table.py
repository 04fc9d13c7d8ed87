"""Measure the dashboard beside the calls that it needs: ratios of times taken in turns, in one run.

All runs on one machine and shares its cores, and times do not travel; the ratios do. `raw` is the call alone,
by http.client on a connection that is kept alive.
"""

import argparse
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from tests.benchmarks.setup import running
from tests.benchmarks.setup.running import FLOOR

WARM_UP = 5
VIEWERS = 32
FORMAT = "| {:66} | {:>8} | {}"


class Lab:
    """A stand-in for Poster, a dashboard that keeps its list, and one that always asks."""

    def __init__(self, stack, directory, *, quick):
        self._stack, self._directory, self.is_quick = stack, directory, quick
        self.upstream = stack.enter_context(running.upstream())

    def some(self, number):
        """Return how often to do something: as often as said, or hardly ever in a quick run."""
        return 2 if self.is_quick else number

    @cached_property
    def warm(self):
        return self._dashboard("warm", cache_seconds="30")

    @cached_property
    def asking(self):
        return self._dashboard("asking", cache_seconds="0")

    def single(self, name, upstream, **options):
        """Return a dashboard of one worker."""
        return self._dashboard(name, upstream, workers="1", JOB_WORKERS="0", **options)

    def _dashboard(self, name, upstream=None, **options):
        # They have the page of `floor` too.
        options["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.setup.settings"
        if self.is_quick:
            options |= {"workers": "1", "JOB_WORKERS": "0"}
        site = running.dashboard(self._directory / name, upstream or self.upstream, **options)
        return self._stack.enter_context(site)

    def raw(self):
        return running.Caller(self.upstream)

    def browser(self, site, account):
        """Return somebody who is signed in to a dashboard, and connected to this account."""
        site.add_people([account])
        return running.Caller(site.port, site.cookie(account))

    def calls(self, account):
        """Return the calls that an account had since this was asked last."""
        return json.loads(self.raw().get(f"/log/{account}"))


def lists(lab):
    """Yield the list of 50 groups at two latencies of Poster."""
    for latency, rounds in ((50, 100), (200, 40)):
        name = f"list of 50, every answer different, {latency} ms ÷ raw call"
        yield from _list(lab, f"n50-l{latency}-churn", name, lab.some(rounds))


def large_list(lab):
    """Yield a list of 5,000 groups beside the call and the parsing of its JSON."""
    name = "5,000 groups, 50 ms, every answer different ÷ raw call + json"
    yield from _list(lab, "n5000-l50-churn", name, lab.some(100), parse=json.loads)


def _list(lab, account, name, rounds, parse=len):
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    path = f"/{account}/api/clients.getGroups?token=benchmark&format=json"
    theirs, floor, ours = medians(
        rounds, lambda: parse(raw.get(path)), lambda: page.get(FLOOR), lambda: page.get("/groups/")
    )
    yield ratio(name, ours, theirs)
    yield ratio("- a page that shows nothing, the same", floor, theirs)


def detail(lab):
    """Yield the page of a group beside one of the calls that it makes side by side."""
    account, path = "n50-l50", "/groups/7/"
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    page.get(path)
    lab.calls(account)
    page.get(path)
    call = lab.calls(account)[:1]
    theirs, ours = medians(lab.some(100), lambda: make(raw, call), lambda: page.get(path))
    yield ratio("detail, 50 ms ÷ one call", ours, theirs)


def form(lab):
    """Yield a form that is saved beside the calls that this makes."""
    account, path = "n50-l50", "/groups/7/edit/"
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    ours, theirs = [], []
    for number in range(lab.some(50)):
        edited = running.edited(page.get(path, **{"Accept-Encoding": "identity"}), number)
        lab.calls(account)
        ours.append(timed(lambda edited=edited: page.post(path, edited)))
        calls = lab.calls(account)
        theirs.append(timed(lambda calls=calls: make(raw, calls)))
    yield ratio("a form saved, 50 ms ÷ its calls", statistics.median(ours), statistics.median(theirs))


def cold_viewers(lab):
    """Yield how many calls are made when many users open the same cold list at the same moment."""
    account = "n50-l50-1"
    people = [f"{account} {viewer}" for viewer in range(VIEWERS)]
    lab.warm.add_people(people, account=account, token="000000:one-token-for-all")
    barrier = threading.Barrier(VIEWERS)

    def look(person):
        caller = running.Caller(lab.warm.port, lab.warm.cookie(person))
        caller.get("/healthz")
        barrier.wait()
        caller.get("/groups/")

    with ThreadPoolExecutor(VIEWERS) as pool:
        list(pool.map(look, people))
    yield f"{VIEWERS} cold viewers: calls", len(lab.calls(account)), "one a process"


def slow(lab):
    """Yield the copy of 5,000 groups while Poster answers in 300 ms, beside the warm list."""
    yield from _copy(lab, "n5000-l300", "Poster at 300 ms", lab.upstream)


def away(lab):
    """Yield the copy of 5,000 groups while Poster refuses connections, beside the warm list."""
    with ExitStack() as stack:
        port = stack.enter_context(running.upstream())
        yield from _copy(lab, "n5000-l0", "Poster away", port, stack.close)


def _copy(lab, account, name, upstream, end=None):
    seconds = 1 if lab.is_quick else 12
    keeping = lab.single(f"{account}-warm", upstream, cache_seconds="600")
    asking = lab.single(f"{account}-copy", upstream, cache_seconds="0")
    warm, readers = _readers(keeping, account), _readers(asking, account)
    for each in (warm[0], readers[0]):
        each.get("/groups/?wait=1")  # the first list of all, which is the copy
    time.sleep(1)
    if end is not None:
        end()
    first = timed(lambda: readers[1].get("/groups/"))
    theirs, ours = len(_read(warm, seconds)) / seconds, len(_read(readers, seconds)) / seconds
    name = f"{name}, {VIEWERS} readers of a copy ÷ the warm list"
    yield name, ours / theirs, f"{ours:.1f} ÷ {theirs:.1f} a second"
    yield "- the first read, ms", first, "one reader"
    yield "- a worker's own memory, MB", max(_sizes(asking)), f"{max(_sizes(keeping)):.0f} of the warm one"


def _readers(site, account):
    people = [f"{account} {viewer}" for viewer in range(VIEWERS)]
    site.add_people(people, account=account, token="000000:one-token-for-all")
    return [running.Caller(site.port, site.cookie(person)) for person in people]


def _read(readers, seconds):
    """Let all read the list for so long, and return how many milliseconds each page took."""
    until = time.monotonic() + seconds

    def read(caller):
        times = []
        while time.monotonic() < until:
            times.append(timed(lambda: caller.get("/groups/")))
        return times

    with ThreadPoolExecutor(len(readers)) as pool:
        return [each for times in pool.map(read, readers) for each in times]


def memory(lab):
    """Yield what the largest worker has for itself, after all that was measured before."""
    for account in ("n50-l50", "n5000-l50-churn"):
        page = lab.browser(lab.asking, account)
        for number in range(lab.some(20)):
            page.get(f"/groups/?page={number + 1}")
    sizes = _sizes(lab.asking)
    yield "a worker's own memory after all of it, MB", max(sizes), ", ".join(f"{each:.0f}" for each in sizes)


def _sizes(site):
    """Return the megabytes that each worker has for itself."""
    sizes = []
    for pid in running.workers_of(site.process.pid):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        own = re.findall(r"^Private_\w+: +(\d+) kB", rollup, flags=re.MULTILINE)
        sizes.append(sum(map(int, own)) / 1024)
    return sizes


def ratio(name, ours, theirs):
    return name, ours / theirs, f"{ours:.1f} ÷ {theirs:.1f} ms"


def make(raw, calls):
    """Make the calls of a log once more, one behind the other."""
    for verb, target, body in calls:
        if verb == "GET":
            raw.get(target)
        else:
            raw.post(target, body)


def timed(action):
    """Return how many milliseconds something takes."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def medians(rounds, *actions):
    """Time the actions in turns, and return the median of each, in milliseconds."""
    for _ in range(min(rounds, WARM_UP)):
        for action in actions:
            action()
    times = [[timed(action) for action in actions] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]


# Memory comes after the load that it is measured after.
ROWS = {
    "list": lists,
    "large-list": large_list,
    "detail": detail,
    "form": form,
    "cold": cold_viewers,
    "memory": memory,
    "slow": slow,
    "away": away,
}


def main(arguments):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"all, or some of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="measure hardly anything: does it still run?")
    options = parser.parse_args(arguments)
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and the servers are ended too
    print(FORMAT.format("row", "measured", "from"))
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        lab = Lab(stack, Path(directory), quick=options.quick)
        for name in options.rows or ROWS:
            for row, measured, note in ROWS[name](lab):
                print(FORMAT.format(row, f"{measured:.2f}", note), flush=True)
