"""Read all clients and the receipts since the last run, and keep their sums by group and day.

A run is whole, or it stores nothing and is made again. Nothing of a client is kept: the group of each is
known during a run, and forgotten with it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import batched
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from groups.features.figures.models import DAY, NIGHTS, Figure, Tally, yesterday
from groups.features.figures.services.members import read_members
from groups.features.insights.services.sales import rounded
from groups.models import PosterCredentials
from groups.models.leases import Columns
from groups.poster import Receipt
from groups.services.due import Turn, run_due
from groups.services.installation.maintenance import prune, routine
from groups.services.receipts import NotWhole, ReceiptReading

log = logging.getLogger("groups.jobs")

KEPT = timedelta(days=3 * 366)
MOST_DAYS = 31
"""Days that one run makes up for, at most; older ones stay without figures."""
LONGEST_READING = 1800.0
"""Seconds for all receipts of a run: no page waits for them."""
BATCH = 1000


class ReceiptReader(Protocol):
    """Reads along the receipts of a run, each once with its day on the site's clock.

    `store` is called in the transaction that stores the figures, without the days that are `doubtful`.
    """

    def add(self, day: date, receipt: Receipt) -> None: ...

    def store(self, doubtful: Collection[date]) -> None: ...


receipt_readers: list[Callable[[str], ReceiptReader]] = []
"""Make readers for the runs of the account of a name; features add theirs."""


@prune("figures of groups")
def forget_old() -> int:
    return Figure.objects.filter(day__lt=timezone.localdate() - KEPT).delete()[0]


@routine("figures", pause=5.0, for_each=lambda: Tally.objects.accounts_due(settings.FIGURES_SECONDS))
def run_for(account: str) -> None:
    run_due(Tally.objects.usable().filter(pk=account).select_related("watch__credentials"), run)


def run(turn: Turn[Tally]) -> Columns:
    """Store the days that have ended since the last run.

    Raises `PosterError`, `NotWhole` and `LeaseLost`.
    """
    last_day = yesterday()
    _first, last_night = Figure.objects.first_and_last(turn.row.pk)
    if last_night is None:
        _store_days(turn, last_day, last_day)
    elif last_night < last_day:
        _store_days(turn, max(last_night, last_day - MOST_DAYS * DAY) + DAY, last_day)
    return {"next_at": NIGHTS.next(timezone.now())}


def _store_days(turn: Turn[Tally], first: date, last: date) -> None:
    """Store the sums of these days, and of the last one the members."""
    account_id, bought = turn.row.pk, defaultdict[tuple[date, int], Bought](Bought)
    readers = [make(account_id) for make in receipt_readers]
    reading = ReceiptReading(turn.credentials, first, last, longest=LONGEST_READING, renew=turn.stay)
    # Before the clients, so that a night on which it fails costs no sweep.
    is_allowed = reading.begin()
    members = read_members(turn)
    for day, receipt in reading.read() if is_allowed else ():
        for reader in readers:
            reader.add(day, receipt)
        if group_id := members.group_of.get(receipt.client_id):
            bought[day, group_id].add(receipt)
    if last in reading.doubtful:
        raise NotWhole("a receipt of the day could not be read")
    days = [first + number * DAY for number in range((last - first).days + 1)] if is_allowed else [last]
    figures = (
        Figure(
            account_id=account_id,
            group_id=group_id,
            day=day,
            clients=members.clients[group_id] if day == last else None,
            owed=members.owed.get(group_id, Decimal(0)) if day == last else None,
            **(bought.get((day, group_id), Bought()).columns if is_allowed else {}),
        )
        for day in days
        if day not in reading.doubtful
        for group_id in members.group_ids
    )
    with transaction.atomic():
        turn.stay(looked_at=timezone.now(), lacks_receipts=not is_allowed)
        for batch in batched(figures, BATCH):
            Figure.objects.bulk_create(batch)
        for reader in readers if is_allowed else ():
            reader.store(reading.doubtful)
    log.info("Of account %s the figures of %s days were stored", account_id, len(days))


@dataclass(slots=True)
class Bought:
    """The purchases of a group's members on a day; `granted` is an estimate."""

    buyers: set[int] = field(default_factory=set)
    receipts: int = 0
    revenue: Decimal = Decimal(0)
    granted: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)

    def add(self, receipt: Receipt) -> None:
        self.buyers.add(receipt.client_id)
        self.receipts += 1
        self.revenue += receipt.revenue
        self.granted += receipt.granted
        self.spent += receipt.bonuses

    @property
    def columns(self) -> Columns:
        """The columns of a figure; what was granted is rounded here, once."""
        sums = {"revenue": self.revenue, "granted": rounded(self.granted), "spent": self.spent}
        return sums | {"buyers": len(self.buyers), "receipts": self.receipts}


def tally_of(credentials: PosterCredentials) -> Tally | None:
    found = Tally.objects.watched().select_related("watch__credentials__user")
    return found.filter(pk=credentials.account_id).first() if settings.FIGURES_SECONDS else None
