"""Pages of one user: their time beside the calls that they need, their CPU beside Django's admin."""

import json
import statistics

from tests.benchmarks.rows.results import Row
from tests.benchmarks.setup import running
from tests.benchmarks.setup.lab import FLOOR, expect, list_path, make, medians, timed


def ratio(name, ours, theirs, at_least, goal, *, note=""):
    """Return the row of two times in milliseconds, the first divided by the second."""
    note = f"{ours:.1f} ÷ {theirs:.1f} ms{note}"
    return Row(name=name, measured=ours / theirs, at_least=at_least, goal=goal, note=note)


def lists(lab):
    """Yield what the list of 50 groups costs beside the call for it, at two latencies of Poster."""
    for latency, rounds, same, different in (
        (50, 100, (1.17, 1.14), (1.17, 1.14)),
        (200, 40, (1.04, 1.03), (1.04, 1.03)),
    ):
        for account, what, bounds in (
            (f"n50-l{latency}", "the same answer", same),
            (f"n50-l{latency}-churn", "every answer different", different),
        ):
            name = f"list of 50, Poster asked, {latency} ms ÷ raw call; {what}"
            yield from _list(lab, account, name, lab.some(rounds), bounds)


def large_list(lab):
    """Yield what a list of 5,000 groups costs beside the call and the parsing of its JSON."""
    name = "5,000 groups, 50 ms, every answer different ÷ raw call + json"
    yield from _list(lab, "n5000-l50-churn", name, lab.some(100), (1.18, 1.12), parse=json.loads)


def _list(lab, account, name, rounds, bounds, parse=len):
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    path = list_path(account)
    theirs, floor, ours = medians(
        rounds, lambda: parse(raw.get(path)), lambda: page.get(FLOOR), lambda: page.get("/groups/")
    )
    expect(page, 200, f"the list of {account}")
    yield ratio(name, ours, theirs, *bounds)
    yield _floor(floor, theirs)


def _floor(ours, theirs):
    """Return the row of a page that shows nothing: no list can come below it."""
    return Row(
        name="- a page that shows nothing, the same",
        measured=ours / theirs,
        note=f"{ours:.1f} ÷ {theirs:.1f} ms",
    )


def detail(lab):
    """Yield what the page of a group costs beside one of the calls that it makes side by side."""
    account, path = "n50-l50", "/groups/7/"
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    page.get(path)
    lab.calls(account)
    page.get(path)
    calls = lab.calls(account)
    theirs, ours = medians(lab.some(100), lambda: make(raw, calls[:1]), lambda: page.get(path))
    expect(page, 200, "the page of a group")
    yield ratio("detail, 50 ms ÷ one call", ours, theirs, 1.5, 1.3, note=f", {named(calls)}")


def form(lab):
    """Yield what it costs to save a form beside the calls that this makes."""
    account, path = "n50-l50", "/groups/7/edit/"
    raw, page = lab.raw(), lab.browser(lab.asking, account)
    ours, theirs = [], []
    for number in range(lab.some(50)):
        edited = running.edited(page.get(path, **{"Accept-Encoding": "identity"}), number)
        lab.calls(account)
        ours.append(timed(lambda edited=edited: page.post(path, edited)))
        expect(page, 302, "a form")
        calls = lab.calls(account)
        theirs.append(timed(lambda calls=calls: make(raw, calls)))
    ours, theirs = map(statistics.median, (ours, theirs))
    yield ratio("a form saved, 50 ms ÷ its calls", ours, theirs, 1.10, 1.06, note=f", {named(calls)}")


def named(calls):
    """Return the methods of a log in words."""
    return ", ".join(target.partition("?")[0].rpartition(".")[2] for _, target, _ in calls)


def cpu(lab):
    """Yield the CPU of a list that is rendered from nothing beside that of the admin's list of the same rows.

    The clock of a process ticks a hundred times a second, so a block of many requests is measured at once.
    """
    account, block = "n50-l0-churn", lab.some(200, 20)
    page, admin = lab.browser(lab.asking, account), lab.administrator()

    def spent(servers, get, path):
        before = running.cpu_seconds(servers)
        for _ in range(block):
            get(path)
        return (running.cpu_seconds(servers) - before) * 1000 / block

    def each():
        yield spent(lab.asking.servers(), page.get, "/groups/")
        yield spent(lab.asking.servers(), page.get, FLOOR)
        yield spent(lab.admin.servers(), admin.get, lab.admin.path)

    list(each())  # who comes for the first time
    blocks = [list(each()) for _ in range(lab.some(9))]
    expect(page, 200, "the list")
    expect(admin, 200, "the admin's list")
    ours, floor, theirs = (statistics.median(each) for each in zip(*blocks, strict=True))
    yield ratio("list from nothing: CPU of the worker ÷ Django admin's", ours, theirs, 0.40, 0.25)
    yield _floor(floor, theirs)
