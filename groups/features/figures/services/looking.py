"""Read all clients and the receipts of the days since the last look, and keep their sums by group and day.

A look is whole, or it stores nothing and is made again. Poster's list of receipts is doubted: neither the
size of a page, nor its order, nor whether its days hold is certain, so a page proves nothing but its own
receipts. Nothing of a client is kept: the group of each is known while a look lasts, and forgotten with it.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from groups.features.figures.models import NIGHTS, Figure, Tally, yesterday
from groups.features.insights.services.sales import Period, read_sales, rounded
from groups.features.insights.services.sweep import LONGEST_SWEEP, PAGE_SIZE
from groups.models import PosterCredentials
from groups.models.leases import Columns
from groups.poster import NotAllowed, Receipt, ReceiptPage
from groups.services.clients import pages_of
from groups.services.due import Later, Turn, run_due
from groups.services.gateway import call_poster, seconds_left
from groups.services.groups import Groups, list_groups_now
from groups.services.installation.maintenance import prune, routine
from groups.services.jobs.lease import stopping

log = logging.getLogger("groups.jobs")

KEPT = timedelta(days=3 * 366)
MOST_DAYS = 31
"""Days that one look makes up for, at most; older ones stay without figures."""
WEEKS = 13
FULL = 100
"""Rows of a page, as far as that is known: a page with so many may not be the only one."""
LONGEST_READING = 1800.0
SLOW, PAUSE = 1.0, 0.2
"""Seconds from which on a call was slow, and for which the look then leaves Poster alone."""
BATCH = 1000
DAY = timedelta(days=1)

type Stay = Callable[[], None]


class NotWhole(Later):
    """Poster has not shown everything, so nothing is stored."""

    def __init__(self, why: str) -> None:
        super().__init__()
        log.info("A look at the figures was not whole: %s", why)


@prune("figures of groups")
def forget_old() -> int:
    """Delete the figures that are older than KEPT; return how many."""
    return Figure.objects.filter(day__lt=timezone.localdate() - KEPT).delete()[0]


def accounts_due() -> list[str]:
    """Return the names of the accounts whose figures are due; make missing rows."""
    if not settings.FIGURES_SECONDS:
        return []
    Tally.objects.add_missing()
    return list(Tally.objects.usable().due().values_list("pk", flat=True))


@routine("figures", pause=5.0, accounts=accounts_due)
def look_at(account: str) -> None:
    """Add up the figures of an account, if it is time to and no other worker is at it."""
    run_due(Tally.objects.usable().filter(pk=account).select_related("watch__credentials"), look)


def look(turn: Turn[Tally]) -> Columns:
    """Store the days that have ended since the last look, and once the weeks before the first one.

    Raises `PosterError`, `NotWhole` and `LeaseLost`.
    """
    tally, credentials, last_day = turn.row, turn.credentials, yesterday()
    first_night, last_night = Figure.objects.first_and_last(tally.pk)
    members, refused = None, tally.lacks_receipts
    if last_night is None or last_night < last_day:
        first_day = last_day if last_night is None else max(last_night, last_day - MOST_DAYS * DAY) + DAY
        reading = ReceiptReading(credentials, first_day, last_day, turn.stay)
        # Before the clients, so that a night on which it fails costs no sweep.
        refused = not reading.begin()
        members = read_members(credentials, list_groups_now(credentials), turn.stay)
        rows = [
            Figure(
                account_id=tally.pk,
                group_id=group_id,
                day=last_day,
                clients=members.clients[group_id],
                owed=members.owed.get(group_id, Decimal(0)),
            )
            for group_id in members.group_ids
        ]
        if not refused:
            sums = reading.read(members.group_of)
            if last_day in reading.doubtful:
                raise NotWhole("a receipt of the day could not be read")
            missed = (first_day + number * DAY for number in range((last_day - first_day).days))
            rows += [
                Figure(account_id=tally.pk, group_id=group_id, day=day)
                for day in missed
                if day not in reading.doubtful
                for group_id in members.group_ids
            ]
            for row in rows:
                sums.fill(row)
        with transaction.atomic():
            turn.stay(looked_at=timezone.now(), lacks_receipts=refused)
            Figure.objects.bulk_create(rows, batch_size=BATCH)
        first_night = first_night or last_day
        log.info("Of account %s the figures of %s rows were stored", tally.pk, len(rows))
    if first_night and not tally.weeks_read and not refused:
        members = members or read_members(credentials, list_groups_now(credentials), turn.stay)
        _store_weeks(turn, members, first_night)
    return {"next_at": NIGHTS.next(timezone.now())}


# --- Clients -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Members:
    """The group of each client, and of each group the clients and their bonuses, None if one is not told."""

    group_of: dict[int, int] = field(default_factory=dict)
    clients: Counter[int] = field(default_factory=Counter)
    removed: Counter[int] = field(default_factory=Counter)
    owed: dict[int, Decimal | None] = field(default_factory=dict)
    group_ids: list[int] = field(default_factory=list)


def read_members(credentials: PosterCredentials, groups: Groups, stay: Stay) -> Members:
    """Read all clients. Raises `NotWhole` unless the list is as long as the groups say, or twice the same."""
    counted = {group.id: group.clients for group in groups.groups}
    members = _sweep(credentials, stay)
    if any(members.clients[group_id] != count for group_id, count in counted.items()):
        again = _sweep(credentials, stay)
        if (again.group_of, again.owed) != (members.group_of, members.owed):
            raise NotWhole("the clients are not the same twice")
        if any(members.clients[each] + members.removed[each] < count for each, count in counted.items()):
            raise NotWhole("a group has more clients than are listed")
    members.group_ids = sorted(counted.keys() | members.clients.keys())
    return members


def _sweep(credentials: PosterCredentials, stay: Stay) -> Members:
    members, until = Members(), time.monotonic() + LONGEST_SWEEP
    for page in pages_of(credentials, None, size=PAGE_SIZE, until=until):
        if page.unreadable:
            raise NotWhole("a client could not be read")
        for client in page.clients:
            if client.removed:
                members.removed[client.group_id] += 1
            elif client.group_id:
                members.group_of[client.id] = client.group_id
                members.clients[client.group_id] += 1
                owed = members.owed.get(client.group_id, Decimal(0))
                members.owed[client.group_id] = (
                    None if owed is None or client.bonus is None else owed + client.bonus
                )
        stay()
    return members


# --- Receipts ----------------------------------------------------------------------------------------------


class DaySums:
    """Sums of receipts by day and group, over the clients whose group is known."""

    def __init__(self, group_of: Mapping[int, int]) -> None:
        self._group_of = group_of
        self._bought: set[tuple[date, int]] = set()
        self._buyers: Counter[tuple[date, int]] = Counter()
        self._receipts: Counter[tuple[date, int]] = Counter()
        self._money: defaultdict[tuple[date, int], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)

    def add(self, day: date, receipt: Receipt) -> None:
        group_id = self._group_of.get(receipt.client_id)
        if group_id is None:
            return
        place = day, group_id
        self._receipts[place] += 1
        if (day, receipt.client_id) not in self._bought:
            self._bought.add((day, receipt.client_id))
            self._buyers[place] += 1
        sums = self._money[place]
        for number, amount in enumerate((receipt.revenue, receipt.granted, receipt.bonuses)):
            sums[number] += amount

    def fill(self, row: Figure) -> None:
        """Set the sums of a row's group and day; `granted` is rounded here, once."""
        place = row.day, row.group_id
        row.buyers, row.receipts = self._buyers[place], self._receipts[place]
        row.revenue, row.granted, row.spent = map(rounded, self._money[place])


class ReceiptReading:
    """Reads all closed receipts of some days on the site's clock, each once.

    Poster's days of business are not the site's, so a day more is asked for on both sides, and each receipt
    counts for the day on which it was closed. `doubtful` are the days of which a receipt could not be read.
    """

    def __init__(self, credentials: PosterCredentials, first: date, last: date, stay: Stay) -> None:
        self.doubtful: set[date] = set()
        self._credentials, self._stay = credentials, stay
        self._first, self._last = first, last
        self._known: set[int] = set()
        self._until = time.monotonic() + LONGEST_READING
        self._begun: list[Receipt] = []

    def begin(self) -> bool:
        """Read the first page; return False if Poster has refused that twice, since once may be a mistake.

        Raises `NotWhole` if the list cannot be completed by asking on from the end of the page.
        """
        for is_last in (False, True):
            try:
                self._begun = self._new_of(self._ask(None)) or self._new_of(self._ask(None))
                break
            except NotAllowed:
                if is_last:
                    return False
        numbers = [receipt.id for receipt in self._begun]
        if numbers == sorted(numbers):
            return True
        if len(numbers) >= FULL:
            raise NotWhole("the first page is full, and its receipts do not ascend")
        # It should be the only one: asked from the beginning, Poster shows no earlier ones of these days.
        earlier = [each for each in self._ask(1).receipts if each.id < max(numbers)]
        closed = [timezone.localdate(each.closed_at) for each in earlier if each.closed_at]
        days_hold = min(closed, default=self._first) >= self._first - 2 * DAY
        if days_hold and any(each.id not in self._known for each in earlier):
            raise NotWhole("the first page lacks earlier receipts")
        return True

    def read(self, group_of: Mapping[int, int]) -> DaySums:
        """Add up all receipts, page by page, until a page without new ones was seen twice."""
        sums = DaySums(group_of)
        self._add(self._begun, sums)
        self._until = time.monotonic() + LONGEST_READING
        ends = 0
        while ends < 2:
            new = self._new_of(self._ask(max(self._known, default=None)))
            numbers = [receipt.id for receipt in new]
            if numbers != sorted(numbers):
                raise NotWhole("the receipts of a page do not ascend")
            self._add(new, sums)
            ends = 0 if new else ends + 1
        return sums

    def _ask(self, after: int | None) -> ReceiptPage:
        within = seconds_left(self._until, "dash.getTransactions")
        first, last, began = self._first - DAY, self._last + DAY, time.monotonic()
        page = call_poster(
            self._credentials,
            lambda poster: poster.get_receipts(first, last, after=after, within=within),
            of_statistics=True,
        )
        self._stay()
        if time.monotonic() - began > SLOW:
            stopping.wait(PAUSE)
        return page

    def _new_of(self, page: ReceiptPage) -> list[Receipt]:
        new = []
        for receipt in page.receipts:
            if receipt.problem and not (receipt.id and receipt.closed_at):
                raise NotWhole("a receipt could not be read")
            if receipt.id not in self._known:
                self._known.add(receipt.id)
                new.append(receipt)
        return new

    def _add(self, receipts: list[Receipt], sums: DaySums) -> None:
        for receipt in receipts:
            day = self._day_of(receipt)
            if day and receipt.problem:
                self.doubtful.add(day)
            elif day:
                sums.add(day, receipt)

    def _day_of(self, receipt: Receipt) -> date | None:
        """Return the day on which a receipt was closed, if that is one of those that are read."""
        day = timezone.localdate(receipt.closed_at) if receipt.closed_at else None
        return day if day and self._first <= day <= self._last else None


# --- The weeks before --------------------------------------------------------------------------------------


def _store_weeks(turn: Turn[Tally], members: Members, first_night: date) -> None:
    """Store what today's clients bought in the weeks before the first night, a row a group and week.

    A week that Poster has not shown whole is left out. Without the right to sales it is tried next night.
    """
    rows: list[Figure] = []
    for number in range(WEEKS, 0, -1):
        last = first_night - DAY - (number - 1) * 7 * DAY
        try:
            found = read_sales(
                turn.credentials, Period(last - 6 * DAY, last), within=settings.POSTER_READ_DEADLINE
            )
        except NotAllowed:
            return
        turn.stay()
        if found.unreadable or found.lost or found.may_be_cut:
            continue
        week = {
            group_id: Figure(
                account_id=turn.row.pk,
                group_id=group_id,
                day=last,
                buyers=0,
                receipts=0,
                revenue=Decimal(0),
                by_todays_members=True,
            )
            for group_id in members.group_ids
        }
        for sale in found.sales:
            row = week.get(members.group_of.get(sale.id, 0))
            if row is not None and sale.receipts:
                row.buyers = (row.buyers or 0) + 1
                row.receipts = (row.receipts or 0) + sale.receipts
                row.revenue = (row.revenue or Decimal(0)) + sale.revenue
        rows += week.values()
    with transaction.atomic():
        turn.stay(weeks_read=True)
        Figure.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def tally_of(credentials: PosterCredentials) -> Tally | None:
    """Return the row of the nightly look, if there is one for the account."""
    found = Tally.objects.watched().select_related("watch__credentials__user")
    return found.filter(pk=credentials.account_id).first() if settings.FIGURES_SECONDS else None
