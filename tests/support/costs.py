"""The cost of a percent, computed in another way than the dashboard does, and as its page tells it."""

import json
import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import batched
from math import floor

from django.utils import timezone

HOOKS = re.compile(
    r'data-cost="(-?[0-9]+\.[0-9]{2})"\s+data-clients="([0-9]+)"\s+data-receipts="([0-9]+)"'
    r'\s+data-revenue="(-?[0-9]+\.[0-9]{2})"'
)


def url_of(group_id, percent, days=30):
    return f"/groups/{group_id}/cost/?percent={percent}&days={days}"


def cost_of(page):
    """Return the figures of a page, as texts; None if there are none."""
    found = HOOKS.search(page.content.decode())
    return found and found.groups()


def ask(client, group_id, percent, days=30):
    page = client.get(url_of(group_id, percent, days))
    assert page.status_code == 200
    return cost_of(page)


def expected(sandbox, group_id, percent, days=30, account="demo", bought=None):
    """Compute the figures in another way: client by client from the sandbox, in fractions of kopecks."""
    state = sandbox.accounts[account]
    row = state.groups[group_id]
    counted = "sum" if row["loyalty_type"] == "2" else "revenue"
    old, new = Fraction(row["client_groups_discount"]), Fraction(percent)
    cost, revenue, receipts, buyers = Fraction(0), 0, 0, 0
    for client_id, sums in (bought or sold(state, days)).items():
        client = state.clients.row(client_id)
        if client and client["delete"] == "0" and client["client_groups_id"] == str(group_id):
            own = Fraction(client["discount_per"])
            cost += sums[counted] * (max(own, new) - max(own, old)) / 100
            revenue += sums["revenue"]
            receipts += sums["receipts"]
            buyers += 1
    kopecks = floor(abs(cost) + Fraction(1, 2)) * (-1 if cost < 0 else 1)
    return f"{Decimal(kopecks) / 100:.2f}", str(buyers), str(receipts), f"{Decimal(revenue) / 100:.2f}"


def sold(state, days):
    """Add up, by client, what was sold in each week of the days up to today, in kopecks."""
    bought, today = {}, timezone.localdate()
    for week in batched(range(days), 7, strict=False):
        first, last = (f"{today - timedelta(days=back):%Y%m%d}" for back in (week[-1], week[0]))
        for sale in json.loads(state.clients_sales({"dateFrom": first, "dateTo": last})):
            sums = bought.setdefault(int(sale["client_id"]), Counter())
            sums["sum"] += int(sale["sum"])
            sums["revenue"] += int(sale["revenue"])
            sums["receipts"] += int(sale.get("clients") or sale["clienst"])
    return bought
