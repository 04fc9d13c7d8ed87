"""The sales of 50,000 clients, half a million receipts: `make bench ARGS=sales`.

A page answers at once, a worker adds up, and the page fills in. One call asks for all sales, and there are at
most as many pages of members as thousands of clients. The memory of the worker is held against that of a
part of the clients, and the cost against one that is computed from the sandbox.
"""

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup.running import own_memory
from tests.support.dashboard.killing import Dashboard, wait_until

CLIENTS, LATENCY = 50_000, 0.05
GROUPS = 24
ANSWERS_WITHIN = 1.0
LONGEST = 300
# The sandbox invents all sales in one go; the patience is that of production.
PATIENCE = {"POSTER_READ_TIMEOUT": "8", "POSTER_READ_DEADLINE": "12"}
MEGABYTES_A_CLIENT = 0.003
"""For the answer with the sales, which is parsed as a whole, and the objects made of it."""
FIGURE = re.compile(r'data-cost="([^"]+)"')


def main(arguments):
    """Measure a part of the clients, then all of them; print both, and what is wrong."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=sales", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--latency", type=float, default=LATENCY * 1000, help="in milliseconds")
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    # Fewer clients than these are read by the page itself.
    part = measure(max(options.clients // 10, 12_000), options.latency / 1000)
    whole = measure(options.clients, options.latency / 1000)
    wrong = [*part["wrong"], *whole["wrong"]]
    more = whole["memory"] - part["memory"]
    if more > MEGABYTES_A_CLIENT * (whole["clients"] - part["clients"]):
        wrong.append(f"the worker's memory grew by {more:.0f} MB")
    for each in wrong:
        print("WRONG:", each)
    return 1 if wrong else 0


def measure(clients, latency):
    """Ask for the cost in an installation with so many clients, and print how it went."""
    with installation(clients, latency) as (sandbox, dashboard, worker):
        group_id = max(sandbox.accounts["demo"].groups, key=sandbox.accounts["demo"].clients.live)
        url = f"/groups/{group_id}/cost/?percent=33"
        dashboard.get("/groups/")
        began = time.monotonic()
        first = dashboard.get(url)
        answered = time.monotonic() - began
        wait_until(lambda: FIGURE.search(dashboard.look(url)), 0.5, LONGEST)
        took = time.monotonic() - began
        again = time.monotonic()
        cost = FIGURE.search(dashboard.look(url))[1]
        warm = time.monotonic() - again
        result = {
            "clients": clients,
            "memory": own_memory(worker.pid),
            "wrong": list(faults(sandbox, group_id, cost, first, answered, clients)),
        }
        pages, receipts = len(sandbox.calls("clients.getClients")), receipts_of(sandbox)
        print(
            f"{clients:,} clients, {receipts:,} receipts: the page in {answered * 1000:.0f} ms, "
            f"filled in after {took:.1f} s, warm {warm * 1000:.0f} ms; {pages} pages of members; "
            f"the worker {result['memory']:.0f} MB"
        )
        return result


def faults(sandbox, group_id, cost, first, answered, clients):
    """Yield what is not as it has to be."""
    if first.status_code != 200 or answered > ANSWERS_WITHIN:
        yield f"the page came after {answered:.1f} s with {first.status_code}"
    if (calls := len(sandbox.calls("dash.getClientsSales"))) != 1:
        yield f"{calls} calls for sales"
    pages = sandbox.calls("clients.getClients")
    if len(pages) > -(-clients // 1000) or any(int(call.query["num"]) > 2000 for call in pages):
        yield f"{len(pages)} pages of members"
    if cost != expected(sandbox, group_id, 33):
        yield f"a cost of {cost}"


def expected(sandbox, group_id, percent):
    """Compute the cost from the sandbox itself, in fractions of kopecks."""
    account = sandbox.accounts["demo"]
    row, new = account.groups[group_id], Fraction(percent)
    old, counted = Fraction(row["client_groups_discount"]), "sum" if row["loyalty_type"] == "2" else "revenue"
    cost = Fraction(0)
    for sale in sales_of(sandbox):
        client = account.clients.row(int(sale["client_id"]))
        if client and client["delete"] == "0" and client["client_groups_id"] == str(group_id):
            own = Fraction(client["discount_per"])
            cost += int(sale[counted]) * (max(own, new) - max(own, old)) / 100
    return f"{int(cost + Fraction(1, 2)) / 100:.2f}"


def receipts_of(sandbox):
    return sum(int(sale["clients"]) for sale in sales_of(sandbox))


def sales_of(sandbox):
    today = datetime.now(ZoneInfo("Europe/Kyiv")).date()
    query = {"dateFrom": f"{today - timedelta(days=29):%Y%m%d}", "dateTo": f"{today:%Y%m%d}"}
    return json.loads(sandbox.accounts["demo"].clients_sales(query))


@contextlib.contextmanager
def installation(clients, latency):
    """Run a sandbox of that size, a dashboard and its worker."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Sandbox(groups=GROUPS, clients=clients, latency=latency) as sandbox,
        contextlib.closing(Dashboard(Path(directory), sandbox, **PATIENCE)) as dashboard,
    ):
        dashboard.start()
        worker = dashboard.start_worker()
        try:
            yield sandbox, dashboard, worker
        finally:
            worker.terminate()
            worker.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
