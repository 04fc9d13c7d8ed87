"""Figures for tests: groups of their own, runs of a worker, and figures as runs store them."""

import math
import random
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from unittest import mock

from django.conf import settings
from django.utils import timezone

from groups.features.elsewhere.models import Watch
from groups.features.figures.models import Figure, Tally, yesterday
from groups.features.figures.services import nightly
from tests.support.changes import write_down

GUESTS, GOLD = 71, 72
DAY = timedelta(days=1)
AGO = 40
"""Days before today of a change all whose nights have come."""


@contextmanager
def clock_at(time):
    """Let the clock of the dashboard, not that of Poster, stand at a time."""
    with mock.patch.object(timezone, "now", return_value=time.astimezone(UTC)):
        yield


def run_nightly():
    """Let a worker run for all accounts, as if it were time to."""
    Tally.objects.accounts_due(1)  # makes the rows
    Tally.objects.update(next_at=timezone.now())
    for account in Tally.objects.accounts_due(settings.FIGURES_SECONDS):
        nightly.run_for(account)


def put_group(sandbox, group_id, name, *, kind="1", percent="10"):
    """Add an empty group to the account `demo`."""
    values = {"client_groups_id": str(group_id), "client_groups_name": name, "loyalty_type": kind}
    values |= {"client_groups_discount": percent, "birthday_bonus": "0", "count_groups_clients": "0"}
    sandbox.console().put(values)


def put_figure(user, group_id, day, *, owed="0", **sums):
    """Save a figure as a run has stored it; money in hryvnia."""
    values = {
        "clients": 50,
        "buyers": 10,
        "receipts": 20,
        "total": 1100,
        "revenue": 1000,
        "moved": 0,
        "granted": 100,
        "spent": 60,
    } | sums
    values = {name: Decimal(value) if value is not None else None for name, value in values.items()}
    return Figure.objects.create(
        account=user.credentials.account,
        group_id=group_id,
        day=day,
        owed=None if owed is None else Decimal(owed),
        **values,
    )


def put_nights(user, group_id, days=60, *, until=None, **sums):
    """Save a figure for each of so many days up to yesterday, or another day."""
    last = until or yesterday()
    return [put_figure(user, group_id, last - number * DAY, **sums) for number in range(days - 1, -1, -1)]


def watched(user):
    """Switch the watch on, and let a run have been made just now."""
    watch = Watch.objects.create(account=user.credentials.account, credentials=user.credentials)
    return Tally.objects.create(watch=watch, ran_at=timezone.now())


def changed(owner, group_id=GOLD, days_ago=AGO, percents=("5", "10"), **fields):
    """Save a change of a percent, made so many days ago."""
    values = {"name": "Золото", "loyalty_type": 1, "birthday_bonus": "0"}
    at = timezone.make_aware(datetime.combine(timezone.localdate() - days_ago * DAY, time(12)))
    before, after = (values | {"percent": percent} for percent in percents)
    kept = {"before": before | {"id": group_id}, "intended": after, "after": after | {"id": group_id}}
    kept |= {"state": "applied", "created_at": at, "sent_at": at, "settled_at": at, "group_id": group_id}
    return write_down(owner, **kept | fields)


def put_year(owner, group_id, *, by=1.0, days_ago=AGO, weeks=52, seed=1, noise=0.03, scale=1, granted=None):
    """Save the nights of a year before a change and of 28 days after it, when so many times more is bought.

    `granted` tells the bonuses of the night of a number of days after the change with a total.
    """
    chance, day, rows = random.Random(seed), timezone.localdate() - days_ago * DAY, []
    for number in range(-7 * weeks, 29):
        if number % 7 == 0 or not rows:
            of_week = 1000 * scale * math.exp(chance.gauss(0, noise))
        total = Decimal(round(of_week * (by if number > 0 else 1), 2))
        given = total / 10 if granted is None else granted(number, total)
        sums = {"clients": 50, "owed": 0, "buyers": 10, "receipts": 20, "total": total, "revenue": total}
        sums |= {"granted": given, "spent": 0, "account": owner.credentials.account}
        rows.append(Figure(group_id=group_id, day=day + number * DAY, **sums))
    Figure.objects.bulk_create(rows)
