"""Pages of a long journal, many groups and many clients, beside the same ones of few, in turns."""

import subprocess
import sys
from contextlib import nullcontext

from tests.benchmarks.rows.results import Row
from tests.benchmarks.setup import running
from tests.benchmarks.setup.lab import expect, medians
from tests.support.databases import empty_database
from tests.support.environment import ROOT

FEW, MANY = ("n50-l50-c60", 200), ("n5000-l50-c50000", 100_000)
PAGES = {
    "list": "/groups/",
    "detail": "/groups/7/",
    "history": "/history/",
    "clients": "/groups/7/clients/",
}
VARIANTS = {
    "list, searched": "/groups/?q=0007",
    "list, sorted": "/groups/?sort=-clients",
    "history, second page": "/history/?page=2",
    "history of a user": "/history/?user=olena",
    "history of a group": "/history/?group=7",
    "history by outcome": "/history/?state=refused",
    "history of days": "/history/?since=2020-01-01&until=2035-01-01",
    "clients, second page": "/groups/7/clients/?page=2",
}


def growth(lab):
    """Yield each page, variants of it too, and then the slowest of PAGES, which alone has bounds."""
    few, many = (_site(lab, account, lab.some(rows, 200)) for account, rows in (FEW, MANY))
    slowest = 0.0
    for name, path in (PAGES | VARIANTS).items():
        row = _row(name, path, lab, few, many)
        yield row
        if name in PAGES:
            slowest = max(slowest, row.measured)
    yield Row(
        name=f"growth: {lab.some(MANY[1], 200):,} changes, 5,000 groups, 50,000 clients ÷ few",
        measured=slowest,
        at_least=1.3,
        goal=1.15,
        note=f"the worst of {', '.join(PAGES)}",
    )


def _row(name, path, lab, few, many):
    theirs, ours = medians(lab.some(60), lambda: few.get(path), lambda: many.get(path))
    expect(few, 200, path)
    expect(many, 200, path)
    return Row(name=f"- {name}, many ÷ few", measured=ours / theirs, note=f"{ours:.1f} ÷ {theirs:.1f} ms")


def _site(lab, account, rows):
    """Start a dashboard with a journal of so many rows, and return who asks it for pages."""
    database = lab.stack.enter_context(empty_database(lab.database) if lab.database else nullcontext(""))
    options = {"DATABASE_URL": database} if database else {}
    site = lab.stack.enter_context(running.dashboard(lab.directory / account, lab.upstream, **options))
    browser = lab.browser(site, account)
    command = [sys.executable, "-m", "tests.benchmarks.setup.journal", account, str(rows)]
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True)
    return browser
