"""Pages of many users at once, and what a page and a worker weigh."""

import gzip
import statistics
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.rows.results import Row
from tests.benchmarks.setup import running
from tests.benchmarks.setup.lab import FLOOR, expect

CONNECTIONS = 32
CROWDS = (8, 16, 32, 48, 64, 96, 128, 160, 192)


def warm_list(lab):
    """Yield requests a second of the warm list beside those of Django's admin, in turns."""
    name = f"warm list, {CONNECTIONS} connections: requests/s ÷ Django admin's"
    running.need("wrk")
    lab.warm.add_people(["n50-l50"])
    cookies = [lab.warm.cookie("n50-l50")]
    here, nothing = ((f"http://127.0.0.1:{lab.warm.port}{path}", cookies) for path in ("/groups/", FLOOR))
    there = f"http://127.0.0.1:{lab.admin.port}{lab.admin.path}", [lab.admin.cookie]
    pages = (here, nothing, there)
    for warming_up in pages:
        running.load(*warming_up, CONNECTIONS, lab.some(2, 1))
    turns = [
        [running.load(*each, CONNECTIONS, lab.some(5, 1)) for each in pages] for _ in range(lab.some(5, 1))
    ]
    if failed := sum(seen.failed for turn in turns for seen in turn):
        raise RuntimeError(f"{failed} requests failed")
    ours, floor, theirs = (
        statistics.median(seen.per_second for seen in each) for each in zip(*turns, strict=True)
    )
    note = f"{ours:.0f} ÷ {theirs:.0f} a second"
    yield Row(name=name, measured=ours / theirs, at_least=4.5, goal=6, more=True, note=note)
    yield Row(
        name="- a page that shows nothing, the same",
        measured=floor / theirs,
        note=f"{floor:.0f} ÷ {theirs:.0f} a second",
    )


def cold_viewers(lab):
    """Yield how many calls are made when many users open the same cold list at the same moment."""
    name = f"{CONNECTIONS} cold viewers: calls"
    times = lab.some(8, 1)
    worst = max(_cold_calls(lab, f"n50-l50-{number}") for number in range(times))
    yield Row(name=name, measured=worst, at_least=2, goal=2, note=f"one a process, the worst of {times}")


def _cold_calls(lab, account):
    people = [f"{account} {viewer}" for viewer in range(CONNECTIONS)]
    lab.warm.add_people(people, account=account, token="000000:one-token-for-all")
    before, barrier = lab.number_of_calls(account), threading.Barrier(CONNECTIONS)

    def look(person):
        caller = running.Caller(lab.warm.port, lab.warm.cookie(person))
        caller.get("/healthz")
        barrier.wait()
        caller.get("/groups/")
        expect(caller, 200, "the list of a cold viewer")

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(look, people))
    return lab.number_of_calls(account) - before


def users_at_once(lab):
    """Yield how many users there may be at 300 ms of latency until p99 is twice that of a few.

    Each has an account of their own, so that it is the workers that are measured, and not the limit of an
    account. A run is much longer than an answer: wrk does not count those that it cuts off at its end.
    """
    running.need("wrk")
    name = "users at once at 300 ms until p99 doubles"
    reached, note = _crowd(lab, "/groups/")
    yield Row(name=name, measured=reached, at_least=96, goal=128, more=True, note=note)
    reached, note = _crowd(lab, FLOOR)
    yield Row(name="- a page that shows nothing, the same", measured=reached, note=note)


def _crowd(lab, path):
    """Return how many users of a page there may be, and the times of each crowd in words."""
    url = f"http://127.0.0.1:{lab.asking.port}{path}"
    crowds = CROWDS[: lab.some(len(CROWDS))]
    accounts = [f"n50-l300-{number}" for number in range(max(crowds))]
    lab.asking.add_people(accounts)
    reached, few, notes = 0, None, []
    for users in crowds:
        cookies = [lab.asking.cookie(account) for account in accounts[:users]]
        running.load(url, cookies, users, lab.some(4, 1))  # who comes for the first time
        seen = running.load(url, cookies, users, lab.some(9))
        few = few or seen.p99
        failed = f" and {seen.failed} failed" if seen.failed else ""
        notes.append(f"{users}: {seen.p99:.0f}{failed}")
        if seen.p99 > 2 * few or seen.failed:
            break
        reached = users
    return reached, f"p99 of {', '.join(notes)} ms"


def memory(lab):
    """Yield what the largest worker has for itself, after all that was measured before."""
    for account in ("n50-l50", "n5000-l50", "n5000-l50-churn"):
        for site in (lab.warm, lab.asking):
            page = lab.browser(site, account)
            for number in range(lab.some(20)):
                page.get(f"/groups/?page={number + 1}")
                expect(page, 200, "a page of the list")
    own = [running.own_memory(pid) for site in (lab.warm, lab.asking) for pid in site.servers()]
    note = ", ".join(f"{each:.0f}" for each in own)
    yield Row(
        name="a worker's own memory after all of it, MB", measured=max(own), at_least=120, goal=100, note=note
    )


def weight(lab):
    """Yield the bytes of the list beside those of the admin's, both by gzip.

    The admin's is packed here, as Django's middleware would do it. Ours is a mean, for that middleware adds
    some bytes, as many as chance will have.
    """
    administrator, page = lab.administrator(), lab.browser(lab.warm, "n50-l50")
    theirs = len(gzip.compress(administrator.get(lab.admin.path), 6))
    ours = statistics.mean(
        len(page.get("/groups/", **{"Accept-Encoding": "gzip"})) for _ in range(lab.some(20))
    )
    expect(page, 200, "the list")
    expect(administrator, 200, "the admin's list")
    if page.headers.get("Content-Encoding") != "gzip":
        raise RuntimeError("the list is not packed")
    note = f"{ours:.0f} ÷ {theirs} bytes"
    name = "list packed ÷ Django admin's, gzip both"
    yield Row(name=name, measured=ours / theirs, at_least=1.1, goal=1.0, note=note)
