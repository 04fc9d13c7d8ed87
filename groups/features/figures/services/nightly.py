"""Read all clients and the receipts since the last run, and keep their sums by group and day.

A day of which the receipts are not whole has none, and is read again. Of clients their ids by group are kept,
until the next night.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import batched
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from groups.features.connection.services.checks import request_check
from groups.features.figures.models import DAY, NIGHTS, Figure, Tally, yesterday
from groups.features.figures.services.members import Members, read_members
from groups.features.insights.services.sales import rounded
from groups.features.movements.models import pack, unpack
from groups.models import IdsFirst, PosterCredentials
from groups.models.leases import Columns
from groups.poster import PosterError, Receipt
from groups.services.due import Turn, run_due
from groups.services.installation.maintenance import prune, routine
from groups.services.receipts import Contradiction, NeverWhole, NotWhole, ReceiptReading

log = logging.getLogger("groups.jobs")

KEPT = timedelta(days=3 * 366)
MOST_DAYS = 31
"""Days that one run makes up for, at most; older ones stay without figures."""
LONGEST_READING = 1800.0
"""Seconds for all receipts of a run: no page waits for them."""
BATCH = 1000
OF_RECEIPTS = ("buyers", "receipts", "total", "revenue", "granted", "spent")


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
    """Forget also the members of an account of which no night was read any more."""
    today = timezone.localdate()
    Tally.objects.filter(members_on__lt=today - 2 * DAY).update(members=b"", members_on=None)
    return Figure.objects.filter(day__lt=today - KEPT).delete()[0]


@routine("figures", pause=5.0, for_each=lambda: Tally.objects.accounts_due(settings.FIGURES_SECONDS))
def run_for(account: str) -> None:
    run_due(Tally.objects.usable().filter(pk=account).select_related("watch__credentials"), run)


def run(turn: Turn[Tally]) -> Columns:
    """Store the days that have ended since the last one whose receipts are known.

    Days that Poster can never show whole are tried again in the next night only.
    Raises `PosterError`, `NotWhole` and `LeaseLost`.
    """
    last, figures = yesterday(), Figure.objects.filter(account=turn.row.pk)
    known = figures.filter(receipts__isnull=False).aggregate(Max("day"))["day__max"]
    first = known + DAY if known else figures.aggregate(Min("day"))["day__min"] or last
    if first <= last:
        try:
            _store_days(turn, max(first, last - (MOST_DAYS - 1) * DAY), last)
        except NeverWhole:
            pass
        except Contradiction:
            request_check(turn.credentials.account)
            raise
    return {"next_at": NIGHTS.next(timezone.now())}


def _store_days(turn: Turn[Tally], first: date, last: date) -> None:
    """Store the receipts of these days, and the members of the last one, unless an earlier run has them.

    Where the receipts cannot be read whole, the members are stored all the same, and the run is made again.
    """
    account_id = turn.row.pk
    is_new_night = not Figure.objects.filter(account=account_id, day=last).exists()
    # Begun before the clients are read, so that receipts which fail again cost no sweep.
    found = ReceiptsOfDays(turn, first, last)
    if not (found.is_allowed or is_new_night):
        if found.failure:
            raise found.failure
        return
    before = unpack(turn.row.members) if turn.row.members_on == last - DAY else None
    members = read_members(turn, before or {})
    if found.is_allowed:
        found.read(members.group_of)
    figures = (
        Figure(
            account_id=account_id,
            group_id=group_id,
            day=day,
            **(_of_night(members, group_id, knows_before=before is not None) if is_night else {}),
            **(found.bought[day, group_id].columns if day in found.whole else {}),
        )
        for day in sorted(found.whole | ({last} if is_new_night else set()))
        for is_night in (day == last and is_new_night,)
        for group_id in members.group_ids
    )
    with transaction.atomic():
        turn.renew(
            lacks_receipts=not found.is_allowed and not found.failure,
            never_whole=isinstance(found.failure, NeverWhole),
        )
        if is_new_night:
            turn.renew(ran_at=timezone.now(), members=pack(members.group_of), members_on=last)
        for batch in batched(figures, BATCH):
            Figure.objects.bulk_create(
                batch,
                update_conflicts=True,
                unique_fields=("account", "group_id", "day"),
                update_fields=OF_RECEIPTS,
            )
        found.store()
    log.info("Of account %s the receipts of %s days were stored", account_id, len(found.whole))
    if found.is_contradicted:
        request_check(turn.credentials.account)
    if found.failure:
        raise found.failure


def _of_night(members: Members, group_id: int, *, knows_before: bool) -> Columns:
    return {
        "clients": members.clients[group_id],
        "owed": members.owed.get(group_id, Decimal(0)),
        "moved": members.moved.get(group_id, Decimal(0)) if knows_before else None,
    }


@dataclass(slots=True)
class Bought:
    """The purchases of a group's members on a day; `granted` is an estimate."""

    buyers: set[int] = field(default_factory=set)
    receipts: int = 0
    total: Decimal | None = Decimal(0)
    revenue: Decimal = Decimal(0)
    granted: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)

    def add(self, receipt: Receipt) -> None:
        self.buyers.add(receipt.client_id)
        self.receipts += 1
        self.total = None if self.total is None or receipt.total is None else self.total + receipt.total
        self.revenue += receipt.revenue
        self.granted += receipt.granted
        self.spent += receipt.bonuses

    @property
    def columns(self) -> Columns:
        """The columns of a figure; what was granted is rounded here, once."""
        sums = {"total": self.total, "revenue": self.revenue, "spent": self.spent}
        return sums | {
            "buyers": len(self.buyers),
            "receipts": self.receipts,
            "granted": rounded(self.granted),
        }


class ReceiptsOfDays:
    """The receipts of some days, added up by day and group; begins to read them when it is made.

    `failure` says why those of the `last` day, or all, are not known.
    """

    def __init__(self, turn: Turn[Tally], first: date, last: date) -> None:
        self.bought = defaultdict[tuple[date, int], Bought](Bought)
        self.whole: set[date] = set()
        self.failure: Exception | None = None
        self.is_allowed = False
        self._days = [first + number * DAY for number in range((last - first).days + 1)]
        self._readers = [make(turn.row.pk) for make in receipt_readers]
        self._reading = ReceiptReading(
            turn.credentials, first, last, longest=LONGEST_READING, renew=turn.renew
        )
        try:
            self.is_allowed = self._reading.begin()
        except (NotWhole, PosterError) as error:
            self.failure = error

    def read(self, group_of: Mapping[int, int]) -> None:
        try:
            for day, receipt in self._reading.read():
                for reader in self._readers:
                    reader.add(day, receipt)
                if (group_id := group_of.get(receipt.client_id)) is not None:
                    self.bought[day, group_id].add(receipt)
        except (NotWhole, PosterError) as error:
            self.failure = error
            return
        self.whole = set(self._days) - self._reading.doubtful
        if self._days[-1] not in self.whole:
            self.failure = NotWhole("a receipt of the day could not be read")

    @property
    def is_contradicted(self) -> bool:
        return self._reading.is_contradicted

    def store(self) -> None:
        """Let the other readers store what they have read."""
        for reader in self._readers if self.whole else ():
            reader.store(self._reading.doubtful)


WATCHED = IdsFirst(Tally.objects.watched().defer("members"))


def tally_of(credentials: PosterCredentials) -> Tally | None:
    """Return the row of the nightly run, None where nobody has switched the watch on."""
    found = WATCHED.find(pk=credentials.account_id) if settings.FIGURES_SECONDS else []
    return found[0] if found else None
