"""Offer five tables to begin with, each of one row, with bounds from the account's own sales."""

import time
from collections import Counter
from datetime import timedelta
from statistics import quantiles
from typing import Any

from django.utils import timezone

from groups.features.criteria.services.judging import spans_of
from groups.features.insights.services.sales import VIEW_SALES, Period, read_sales
from groups.features.insights.services.sweep import SECONDS_AT_ONCE
from groups.models import PosterCredentials
from groups.poster import PosterError
from groups.poster.fields import KOPECKS
from groups.services.gateway import seconds_left

STARTS = ("new", "regular", "fading", "lapsed", "birthday")
MAX_MOVES = 100
DAYS = 90
FEWEST_BUYERS = 10
"""Sales to fewer clients than these say nothing of what is usual."""


def start_of(name: str, credentials: PosterCredentials) -> tuple[dict[str, Any], bool]:
    """Return the conditions of a row, and False where there were no sales to go by.

    Seldom, usual and often are the quartiles of the receipts of all who have bought in the last DAYS days.
    Clients are new for three pauses between usual visits, and lapsed after three between seldom ones.
    """
    seldom, usual, often, median = 2, 6, 12, 2_000
    paid, receipts = ({}, {}) if name == "birthday" else _sales_of(credentials)
    if is_known := len(receipts) >= FEWEST_BUYERS:
        seldom, usual, often = (max(round(each), 1) for each in quantiles(receipts.values(), n=4))
        # Two digits, as people would choose: 1,200 for 1,234.56.
        median = int(float(f"{quantiles(paid.values(), n=4)[1]:.2g}"))
    gone = min(max(3 * DAYS // seldom, 60), 365)
    rows = {
        "new": {"registered_max": min(max(3 * DAYS // usual, 14), DAYS)},
        "regular": {"days": DAYS, "bought_min": int(median * KOPECKS), "receipts_min": often},
        "fading": {"days": DAYS, "receipts_min": 1, "receipts_max": seldom, "registered_min": DAYS},
        "lapsed": {"days": gone, "receipts_max": 0, "registered_min": gone},
        "birthday": {"birthday_in": 7},
    }
    return rows[name], is_known or name == "birthday"


def _sales_of(credentials: PosterCredentials) -> tuple[dict[int, int], dict[int, int]]:
    """Return hryvnia and receipts by client in the last DAYS days; nothing where these cannot be read."""
    today, until = timezone.localdate(), time.monotonic() + SECONDS_AT_ONCE
    paid, receipts = Counter[int](), Counter[int]()
    try:
        for first, last in spans_of((DAYS,)) if credentials.user.has_perm(VIEW_SALES) else ():
            period = Period(today - timedelta(days=last - 1), today - timedelta(days=first))
            within = seconds_left(until, "dash.getClientsSales")
            for sale in read_sales(credentials, period, within=within).sales:
                if sale.receipts:
                    paid[sale.id] += int(sale.revenue)
                    receipts[sale.id] += sale.receipts
    except PosterError:
        return {}, {}
    return paid, receipts
