"""How fast the dashboard is, as ratios taken in one run: to the calls that it needs, and to Django's admin.

All runs on one machine and shares its cores, and times do not travel; the ratios do. One measurement is
interleaved with the one that it is compared to. `raw` is the call alone, by http.client on a connection that
is kept alive.
"""

import argparse
import gzip
import json
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks import running

TOKEN = "token=benchmark&format=json"
CONNECTIONS = 32
CROWDS = (8, 64, 128, 192, 256, 320)


@dataclass
class Result:
    """A line of the table: what was reached, and what it should be; `more` says which way is better.

    One without bounds is there to be compared with the one before it.
    """

    what: str
    value: float
    least: float | str = "–"
    goal: float | str = "–"
    more: bool = False
    note: str = ""

    @property
    def verdict(self):
        if self.least == "–":
            return ""

        def reached(bound):
            return self.value >= bound if self.more else self.value <= bound

        return "goal" if reached(self.goal) else "least" if reached(self.least) else "MISSED"


def medians(rounds, *actions):
    """Time the actions in turn and return the median of each, in milliseconds."""
    times = [[] for _ in actions]
    for number in range(rounds + 5):
        for action, seconds in zip(actions, times, strict=True):
            began = time.perf_counter()
            action()
            if number >= 5:
                seconds.append((time.perf_counter() - began) * 1000)
    return [statistics.median(each) for each in times]


class Bench:
    """All that runs, and what is measured with it."""

    def __init__(self, stack, directory, *, rounds, seconds):
        self.rounds, self.seconds = rounds, seconds
        self.upstream = stack.enter_context(running.upstream())
        self.warm = stack.enter_context(running.dashboard(directory / "warm", self.upstream))
        self.asking = stack.enter_context(
            running.dashboard(directory / "asking", self.upstream, cache_seconds="0")
        )
        self.admin, self.admin_cookie = stack.enter_context(running.django_admin(directory))
        self.warm.add_people(["n50-l50", "n5000-l50", *(f"n50-l50-{number}" for number in range(8))])
        crowd = [f"n50-l300-{number}" for number in range(max(CROWDS))]
        some = [f"n50-l50-{number}" for number in range(CONNECTIONS)]
        churning = [f"n50-l50-churn-{number}" for number in range(CONNECTIONS)]
        modes = ["n50-l50", "n50-l50-churn", "n5000-l50", "n5000-l50-churn"]
        self.asking.add_people([*modes, *some, *churning, *crowd])

    def results(self):
        yield self.floor()
        yield from self.lists()
        yield from self.detail_and_form()
        yield from self.many_at_once()
        yield self.crowd()
        yield self.cold_viewers()
        yield self.warm_list()
        yield from self.page()
        yield self.memory()

    # --- One user ------------------------------------------------------------------------------------------

    def _pair(self, account, *, parse=False):
        raw, page = (
            running.Caller(self.upstream),
            running.Caller(self.asking.port, self.asking.cookie(account)),
        )
        path = f"/{account}/api/clients.getGroups?{TOKEN}"

        def call():
            body = raw.get(path)
            if parse:
                json.loads(body)

        first, second = medians(self.rounds, call, lambda: page.get("/groups/"))
        if page.status != 200:
            raise RuntimeError(f"The list of {account} answers {page.status}.")
        return second / first, f"{second:.1f} ÷ {first:.1f} ms"

    def floor(self):
        """Return what even a view costs that only says "ok", on this machine and behind the same server."""
        raw, bare = running.Caller(self.upstream), running.Caller(self.admin)
        call = partial(raw.get, f"/n50-l50/api/clients.getGroups?{TOKEN}")
        first, second = medians(self.rounds, call, lambda: (call(), bare.get("/bare/")))
        return Result(
            "the floor: raw call and a bare view ÷ raw call",
            second / first,
            note=f"{second:.1f} ÷ {first:.1f} ms",
        )

    def lists(self):
        """Yield what a list costs while Poster is asked each time."""
        for what, account, parse, least, goal in (
            ("list, 50 groups ÷ raw call", "n50-l50", False, 1.05, 1.035),
            ("the same, every answer different", "n50-l50-churn", False, 1.09, 1.05),
            ("list, 5,000 groups ÷ raw call", "n5000-l50", False, 1.06, 1.04),
            ("the same, every answer different ÷ raw call + json", "n5000-l50-churn", True, 1.12, 1.07),
        ):
            ratio, note = self._pair(account, parse=parse)
            yield Result(what, ratio, least, goal, note=note)

    def detail_and_form(self):
        """Yield what one group and a change of it cost, against the calls that they need."""
        account = "n50-l50"
        raw, page = (
            running.Caller(self.upstream),
            running.Caller(self.asking.port, self.asking.cookie(account)),
        )
        one = f"/{account}/api/clients.getGroup?group_id=7&{TOKEN}"
        first, second = medians(self.rounds, lambda: raw.get(one), lambda: page.get("/groups/7/"))
        yield Result("detail ÷ its call", second / first, 1.06, 1.045, note=f"{second:.1f} ÷ {first:.1f} ms")
        calls, saves = [], []
        for number in range(max(10, self.rounds // 3)):
            form = running.edited(page.get("/groups/7/edit/", **{"Accept-Encoding": "identity"}), number)
            began = time.perf_counter()
            page.post("/groups/7/edit/", form)
            saves.append((time.perf_counter() - began) * 1000)
            if page.status != 302:
                raise RuntimeError(f"A form was answered with {page.status}.")
            values = {"client_groups_id": "8", "client_groups_name": "x", "birthday_bonus": "0"}
            began = time.perf_counter()
            raw.get(one)
            raw.post(f"/{account}/api/clients.updateGroup?{TOKEN}", values)
            raw.get(one)
            calls.append((time.perf_counter() - began) * 1000)
        first, second = statistics.median(calls), statistics.median(saves)
        note = f"{second:.1f} ÷ {first:.1f} ms"
        yield Result("a form saved ÷ its three calls", second / first, 1.06, 1.045, note=note)

    # --- Many users ----------------------------------------------------------------------------------------

    def many_at_once(self):
        """Yield requests a second, in turns with as many raw calls; each connection is a user of its own.

        The calls alone come near to 32 in 50 ms, but not to it: the timers of the stand-in and of the load
        generator are in it as well.
        """
        for kind, what, *bounds in (
            ("n50-l50", f"{CONNECTIONS} at once ÷ raw calls", 0.95, 0.97),
            ("n50-l50-churn", "the same, every answer different"),
        ):
            cookies = [self.asking.cookie(f"{kind}-{number}") for number in range(CONNECTIONS)]
            page = f"http://127.0.0.1:{self.asking.port}/groups/"
            call = f"http://127.0.0.1:{self.upstream}/{kind}/api/clients.getGroups?{TOKEN}"
            running.load(page, cookies, CONNECTIONS, 2)
            ours, theirs = [], []
            for _ in range(3):
                ours.append(running.load(page, cookies, CONNECTIONS, self.seconds))
                theirs.append(running.load(call, cookies, CONNECTIONS, self.seconds))
            failed = sum(seen.failed for seen in ours + theirs)
            first, second = (statistics.median(seen.per_second for seen in each) for each in (ours, theirs))
            note = f"{first:.0f} ÷ {second:.0f} a second, {failed} failed"
            yield Result(what, first / second, *bounds, more=True, note=note)

    def crowd(self):
        """Find how many users at once 300 ms of latency allow until p99 is twice that of a few."""
        url = f"http://127.0.0.1:{self.asking.port}/groups/"
        reached, notes, few = 0, [], None
        for users in CROWDS:
            cookies = [self.asking.cookie(f"n50-l300-{number}") for number in range(users)]
            # Who comes for the first time goes through all the layers.
            running.load(url, cookies, users, 6)
            seen = running.load(url, cookies, users, max(self.seconds, 6))
            few = few or seen.p99
            notes.append(f"{users}: {seen.p99:.0f}")
            if seen.p99 > 2 * few or seen.failed:
                break
            reached = users
        return Result("users at once at 300 ms", reached, 128, 256, True, "p99 " + ", ".join(notes) + " ms")

    def cold_viewers(self):
        """Let many open the same cold list at the same moment, and count the calls to Poster."""
        worst = 0
        for number in range(8):
            account = f"n50-l50-{number}"
            before = json.loads(running.Caller(self.upstream).get("/calls")).get(account, 0)
            barrier = threading.Barrier(CONNECTIONS)
            people = [f"{account} {viewer}" for viewer in range(CONNECTIONS)]
            self.warm.add_people(people, account=account, token="000000:one-token-for-all")

            def look(person, barrier=barrier):
                caller = running.Caller(self.warm.port, self.warm.cookie(person))
                caller.get("/healthz")
                barrier.wait()
                caller.get("/groups/")
                return caller.status

            with ThreadPoolExecutor(CONNECTIONS) as pool:
                statuses = set(pool.map(look, people))
            if statuses != {200}:
                raise RuntimeError(f"Cold viewers were answered with {statuses}.")
            worst = max(worst, json.loads(running.Caller(self.upstream).get("/calls"))[account] - before)
        return Result(f"{CONNECTIONS} cold viewers at once: calls", worst, 1, 1, note="the worst of 8 times")

    def warm_list(self):
        """Compare requests a second of the warm list and of Django's admin, in turns."""
        ours, theirs = [], []
        cookie = self.warm.cookie("n50-l50")
        for turn in range(3):
            seconds = 1 if turn == 0 else self.seconds
            here = running.load(f"http://127.0.0.1:{self.warm.port}/groups/", [cookie], CONNECTIONS, seconds)
            there = running.load(
                f"http://127.0.0.1:{self.admin}/admin/auth/loyaltygroup/",
                [self.admin_cookie],
                CONNECTIONS,
                seconds,
            )
            if here.failed or there.failed:
                raise RuntimeError(f"Under load {here.failed} and {there.failed} requests failed.")
            if turn:
                ours.append(here.per_second)
                theirs.append(there.per_second)
        first, second = statistics.mean(ours), statistics.mean(theirs)
        what = f"warm list, {CONNECTIONS} connections ÷ Django admin's"
        return Result(what, first / second, 25, 50, True, f"{first:.0f} ÷ {second:.0f} a second")

    # --- What a page weighs --------------------------------------------------------------------------------

    def page(self):
        """Yield the weight of the list, packed, and what an unchanged one costs.

        The admin's is packed here, by gzip: as fast as that goes, and as Django's middleware does it.
        """
        admin = running.Caller(self.admin, self.admin_cookie).get("/admin/auth/loyaltygroup/")
        fast, usual = (len(gzip.compress(admin, level)) for level in (1, 6))
        weights = {encoding: self._weight(encoding) for encoding in (running.ACCEPT_ENCODING, "gzip")}
        best, plain = weights.values()
        note = f"{best:.0f} (by gzip {plain:.0f}) ÷ {fast} bytes ({usual} as Django packs it)"
        yield Result("list packed ÷ Django admin's", best / fast, 0.8, 0.55, note=note)
        ours = running.Caller(self.warm.port, self.warm.cookie("n50-l50"))
        ours.get("/groups/")
        again = ours.get("/groups/", **{"If-None-Match": ours.headers["ETag"]})
        note = f"{len(again)} bytes"
        yield Result("the list again, unchanged: status", float(ours.status), 304, 304, True, note)

    def _weight(self, encoding):
        """Return the mean of some: each page has a padding of random length."""
        lengths = []
        for number in range(8):
            page = running.Caller(self.warm.port, self.warm.cookie(f"n50-l50-{number}"))
            lengths.append(len(page.get("/groups/", **{"Accept-Encoding": encoding})))
        return statistics.mean(lengths)

    def memory(self):
        """Return what the largest worker has for itself, after all of it."""
        for account in ("n5000-l50", "n5000-l50-churn"):
            page = running.Caller(self.asking.port, self.asking.cookie(account))
            for number in range(20):
                page.get(f"/groups/?page={number}")
        own = [running.own_memory(pid) for site in (self.warm, self.asking) for pid in site.workers()]
        note = ", ".join(f"{each:.0f}" for each in own)
        return Result("a worker's own memory, MB", max(own), 150, 110, note=note)


def show(*columns):
    """Print a line of the table."""
    what, value, least, goal, verdict, note = columns
    sys.stdout.write(f"{what:52} {value:>8} {least:>7} {goal:>7}  {verdict:7} {note}\n")
    sys.stdout.flush()


def table(results):
    """Print the results as they come."""
    show("", "", "least", "goal", "", "")
    for each in results:
        value = f"{each.value:.3f}" if each.value < 10 else f"{each.value:.0f}"
        show(each.what, value, each.least, each.goal, each.verdict, each.note)


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="of each comparison of one user")
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument("--only", default="", help="the name of one method of Bench")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        bench = Bench(stack, Path(directory), rounds=options.rounds, seconds=options.seconds)
        if not options.only:
            table(bench.results())
            return
        found = getattr(bench, options.only)()
        table([found] if isinstance(found, Result) else found)


if __name__ == "__main__":
    main(sys.argv[1:])
