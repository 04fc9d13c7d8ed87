"""The workers replaced five times under load, behind nginx as in `deploy/`: no page and no edit is lost.

`make bench ARGS=restart`. Lost is a request that no worker has answered. One that the dashboard refuses in
words is counted apart, and the same load runs for a while without a reload first (`--before`): such answers
come then too where the disk is slow, or pages take longer than their deadlines.
"""

import argparse
import http.client
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.setup import running

READERS = 16
EDITORS = 12
PLAIN = {"Accept-Encoding": "identity"}
# One line for each request that was not answered well by the first worker that was asked. 499 is one that the
# load generator did not wait for: each of its runs ends so.
UNUSUAL = """
map "$status $upstream_header_time" $unusual { "~^([23][0-9][0-9] [0-9.]+$|499)" 0; default 1; }
log_format tries '$request_method $status $request_time|$upstream_header_time';
access_log %s/tries.log tries if=$unusual;
"""


class Kinds(Counter):
    """How often each kind of answer came, and after how many seconds at the latest."""

    def __init__(self):
        super().__init__()
        self.longest = {}

    def note(self, kind, seconds):
        self[kind] += 1
        self.longest[kind] = max(seconds, self.longest.get(kind, 0))

    def show(self, title):
        sys.stdout.write(f"{title}\n")
        for kind, count in self.most_common(12):
            seconds = f" (after up to {self.longest[kind]:.1f} s)" if kind in self.longest else ""
            sys.stdout.write(f"  {count:6} {kind}{seconds}\n")


class Seen:
    """The answers to the edits, in the time without a reload and in the one with reloads."""

    def __init__(self):
        self.reloads = False
        self.good = {False: 0, True: 0}
        self.bad = {False: Kinds(), True: Kinds()}

    def note(self, what, status, page, seconds):
        if status == 302 or (what == "form" and status == 200):
            self.good[self.reloads] += what == "edit"
        else:
            self.bad[self.reloads].note(f"{what}: {status} {words_of(page)}", seconds)


def words_of(page):
    """Return the words of a bad answer: that it is nginx's own, or its title and its first notice."""
    text = page.decode("utf-8", "replace")
    if "<center>nginx" in text:
        return "of nginx itself: no worker has answered"
    notice = re.search(r'data-notice.*?class="notice-text">(.*?)</div>', text, re.DOTALL)
    found = [re.search(r"<title>(.*?)</title>", text, re.DOTALL), notice]
    parts = [" ".join(re.sub(r"<[^>]+>", " ", each[1]).split()) for each in found if each]
    return re.sub(r"\d+", "#", " – ".join(parts)[:200] or text[:80])


def edit(port, cookie, ended, seen):
    """Edit a group again and again, each time from a fresh form, and note the answers."""
    caller, number = running.Caller(port, cookie), 0

    def ask(what, *request):
        nonlocal caller
        began, page = time.monotonic(), b""
        try:
            page = getattr(caller, what)(*request, **PLAIN)
        except (OSError, http.client.HTTPException) as error:
            page, caller = type(error).__name__.encode(), running.Caller(port, cookie)
        name = "form" if what == "get" else "edit"
        seen.note(name, caller.status, page, time.monotonic() - began)
        return page

    while not ended.is_set():
        number += 1
        page = ask("get", "/groups/7/edit/")
        if caller.status == 200:
            ask("post", "/groups/7/edit/", running.edited(page, number))


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


def tries(directory, since):
    """Return how many unusual requests of each kind there were from `since` on, and the end of the log."""
    log = Path(directory, "tries.log").read_text(encoding="utf-8")
    kinds = Kinds()
    for line in log[since:].splitlines():
        request, _, times = line.partition("|")
        method, status, seconds = request.split()
        *earlier, last = times.split(", ")
        answered = "no worker has answered" if last == "-" else "answered"
        asked = f", asked {len(earlier) + 1} times" if earlier else ""
        kinds.note(f"{method} {status} {answered}{asked}", float(seconds))
    return kinds, len(log)


def warnings(log):
    """Return the warnings and errors of the dashboard, without their numbers, and how often each came."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = (re.search(r"\[(?:WARNING|ERROR|CRITICAL)\] .*? \[[\w.]+\]", line) for line in lines)
    return counted(each[0] for each in found if each)


def counted(lines):
    """Return how often each line comes, without its numbers."""
    kinds = Kinds()
    kinds.update(re.sub(r"\d+", "#", line)[:140] for line in lines)
    return kinds


def is_lost(kind):
    """Return True for a request that no worker has answered."""
    return "no worker has answered" in kind


def is_refused(kind):
    """Return True for a request to which a worker gave a bad answer."""
    return not is_lost(kind) and not re.match(r"\w+ [23]\d\d answered", kind)


def number(kinds, counts):
    return sum(count for kind, count in kinds.items() if counts(kind))


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=restart", description=__doc__)
    parser.add_argument("--reloads", type=int, default=5)
    parser.add_argument("--before", type=int, default=60, help="seconds of the same load without a reload")
    options = parser.parse_args(arguments)
    accounts = [f"n50-l10-{number}" for number in range(EDITORS)]
    seen, reads, ended = Seen(), [], threading.Event()
    with (
        tempfile.TemporaryDirectory() as directory,
        running.upstream() as upstream,
        running.dashboard(Path(directory), upstream) as site,
        running.nginx(Path(directory), site.port, more=UNUSUAL % directory) as port,
        ThreadPoolExecutor(EDITORS + 1) as pool,
    ):
        site.add_people(["n50-l50", *accounts])

        def read():
            url = f"http://127.0.0.1:{port}/groups/"
            while not ended.is_set():
                reads.append(running.load(url, [site.cookie("n50-l50")], READERS, 5))

        running_ = [pool.submit(edit, port, site.cookie(account), ended, seen) for account in accounts]
        running_.append(pool.submit(read))
        try:
            time.sleep(options.before)
            usual, end = tries(directory, 0)
            seen.reloads = True
            took = reload(site, options.reloads)
        finally:
            ended.set()
        for each in running_:
            each.result()
        kinds, _ = tries(directory, end)
        errors = counted(
            re.sub(r"^.*?: \*\d+ |, client: .*", "", line)
            for line in Path(directory, "nginx.log").read_text(encoding="utf-8").splitlines()
        )
        said = warnings(Path(directory, "log"))
    # nginx has all but those that did not reach it, or that it has closed.
    lost = number(kinds, is_lost) + number(seen.bad[True], lambda kind: " 0 " in kind)
    refused, before = number(kinds, is_refused), number(usual, is_refused)
    sys.stdout.write(
        f"{len(took)} reloads in {', '.join(f'{each:.0f}' for each in took)} s; "
        f"{sum(each.per_second for each in reads) * 5:.0f} reads, {seen.good[True]} edits; "
        f"lost: {lost}; refused in words by the dashboard: {refused}, "
        f"and {before} in {options.before} s without a reload\n"
    )
    usual.show(f"Unusual requests in {options.before} s without a reload:")
    seen.bad[False].show("Edits that did not end well then:")
    kinds.show("Unusual requests while the workers were replaced:")
    seen.bad[True].show("Edits that did not end well then:")
    errors.show("nginx says:")
    said.show("The dashboard warns:")
    return 1 if lost or (refused and not before) else 0
