"""Read all clients and the receipts since the last look, keep their sums by group and day, and tell of them.

A look is whole, or it stores nothing and is made again. Nothing of a client is kept: the group of each is
known while a look lasts, and forgotten with it.
"""

import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import batched, pairwise
from statistics import stdev
from typing import Literal, NamedTuple, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from groups.features.figures.models import DAY, NIGHTS, Figure, FigureQuerySet, Tally, yesterday
from groups.features.insights.services.sales import Period, read_sales, rounded
from groups.features.insights.services.sweep import LONGEST_SWEEP, PAGE_SIZE
from groups.models import Change, PosterCredentials
from groups.models.leases import Columns
from groups.poster import Group, LoyaltyType, NotAllowed, Receipt, ReceiptPage, ReceiptsOf
from groups.services.clients import pages_of
from groups.services.due import Later, Turn, run_due
from groups.services.gateway import call_poster, seconds_left
from groups.services.groups import list_groups_now
from groups.services.installation.maintenance import prune, routine
from groups.services.jobs.lease import stopping
from groups.services.values import NumberFormat

log = logging.getLogger("groups.jobs")

KEPT = timedelta(days=3 * 366)
MOST_DAYS = 31
"""Days that one look makes up for, at most; older ones stay without figures."""
WEEKS = 13
LONGEST_READING, LONGEST_WEEK = 1800.0, 60.0
"""Seconds for all receipts of a look, and for the sales of one week: no page waits for them."""
BATCH = 1000

HALF = 28
"""Days before a change, and days after it, that are compared."""
WEEK = 7
FEWEST_MEMBERS, FEWEST_RECEIPTS, FEWEST_STEPS = 30, 100, 3
SHARE_DAYS = 91
SHARE_NIGHTS = 84
"""Nights of SHARE_DAYS that have to be known before a share of them is told."""


class ReceiptReader(Protocol):
    """Reads along the receipts of a look with their history, each once with its day on the site's clock.

    `store` is called in the transaction that stores the figures, without the days that are `doubtful`.
    """

    def add(self, day: date, receipt: Receipt) -> None: ...

    def store(self, doubtful: Collection[date]) -> None: ...


receipt_readers: list[Callable[[str], ReceiptReader]] = []
"""Make readers for the looks at the account of a name; features add theirs."""


@prune("figures of groups")
def forget_old() -> int:
    return Figure.objects.filter(day__lt=timezone.localdate() - KEPT).delete()[0]


@routine("figures", pause=5.0, for_each=lambda: Tally.objects.accounts_due(settings.FIGURES_SECONDS))
def look_at(account: str) -> None:
    run_due(Tally.objects.usable().filter(pk=account).select_related("watch__credentials"), look)


def look(turn: Turn[Tally]) -> Columns:
    """Store the days that have ended since the last look, and once the weeks before the first one.

    Raises `PosterError`, `NotWhole` and `LeaseLost`.
    """
    tally, last_day, members = turn.row, yesterday(), None
    _first, last_night = Figure.objects.first_and_last(tally.pk)
    if last_night is None:
        members = _store_days(turn, last_day, last_day)
    elif last_night < last_day:
        members = _store_days(turn, max(last_night, last_day - MOST_DAYS * DAY) + DAY, last_day)
    if not tally.weeks_read and not tally.lacks_receipts:
        _store_weeks(turn, members or read_members(turn))
    return {"next_at": NIGHTS.next(timezone.now())}


def _store_days(turn: Turn[Tally], first: date, last: date) -> "Members":
    """Store the sums of these days, and of the last one the members, who are returned."""
    account_id, bought = turn.row.pk, defaultdict[tuple[date, int], Bought](Bought)
    readers = [make(account_id) for make in receipt_readers]
    reading = ReceiptReading(turn.credentials, first, last, longest=LONGEST_READING, stay=turn.stay)
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
    turn.row.lacks_receipts = not is_allowed
    log.info("Of account %s the figures of %s days were stored", account_id, len(days))
    return members


# --- Clients -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Members:
    """The group of each client, and of each group the clients and their bonuses, None if one is not told."""

    group_of: dict[int, int] = field(default_factory=dict)
    clients: Counter[int] = field(default_factory=Counter)
    removed: Counter[int] = field(default_factory=Counter)
    owed: dict[int, Decimal | None] = field(default_factory=dict)
    group_ids: list[int] = field(default_factory=list)


def read_members(turn: Turn[Tally]) -> Members:
    """Read all clients. Raises `NotWhole` unless the list is as long as the groups say, or twice the same."""
    counted = {group.id: group.clients for group in list_groups_now(turn.credentials).groups}
    members = _sweep(turn)
    if any(members.clients[group_id] != count for group_id, count in counted.items()):
        again = _sweep(turn)
        if (again.group_of, again.owed) != (members.group_of, members.owed):
            raise NotWhole("the clients are not the same twice")
        if any(members.clients[each] + members.removed[each] < count for each, count in counted.items()):
            raise NotWhole("a group has more clients than are listed")
    members.group_ids = sorted(counted.keys() | members.clients.keys())
    return members


def _sweep(turn: Turn[Tally]) -> Members:
    members, until = Members(), time.monotonic() + LONGEST_SWEEP
    for page in pages_of(turn.credentials, None, size=PAGE_SIZE, until=until):
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
        turn.stay()
    return members


# --- Receipts ----------------------------------------------------------------------------------------------
# Poster's list of receipts is doubted: neither the size of a page, nor its order, nor whether its days hold
# is certain. So a page proves nothing but its own receipts, and what is not whole is an error.

FULL = 100
"""Rows of a page, as far as that is known: a page with so many may not be the only one."""
SLOW, PAUSE = 1.0, 0.2
"""Seconds from which on a call was slow, and for which Poster is left alone then."""


class NotWhole(Later):
    """Poster has not shown everything, so nothing is stored."""

    def __init__(self, why: str) -> None:
        super().__init__()
        log.info("What Poster has shown is not whole: %s", why)


class ReceiptReading:
    """Reads all closed receipts of some days on the site's clock, or those `of` somebody, each once.

    Poster's days of business are not the site's, so a day more is asked for on both sides, and each receipt
    counts for the day on which it was closed. `doubtful` are the days of which a receipt could not be read.
    """

    def __init__(
        self,
        credentials: PosterCredentials,
        first: date,
        last: date,
        *,
        longest: float,
        of: ReceiptsOf | None = None,
        stay: Callable[[], object] = lambda: None,
    ) -> None:
        self.doubtful: set[date] = set()
        self._credentials, self._first, self._last = credentials, first, last
        self._of, self._stay, self._longest = of, stay, longest
        self._known: set[int] = set()
        self._until = time.monotonic() + longest
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

    def read(self) -> Iterator[tuple[date, Receipt]]:
        """Yield the receipts with their days, until a page without new ones was seen twice."""
        self._until = time.monotonic() + self._longest
        new, ends = self._begun, 0
        while ends < 2:
            for receipt in new:
                day = timezone.localdate(receipt.closed_at) if receipt.closed_at else None
                if day is None or not self._first <= day <= self._last:
                    continue
                if receipt.problem:
                    self.doubtful.add(day)
                else:
                    yield day, receipt
            new = self._new_of(self._ask(max(self._known, default=None)))
            numbers = [receipt.id for receipt in new]
            if numbers != sorted(numbers):
                raise NotWhole("the receipts of a page do not ascend")
            ends = 0 if new else ends + 1

    def _ask(self, after: int | None) -> ReceiptPage:
        within = seconds_left(self._until, "dash.getTransactions")
        first, last, began = self._first - DAY, self._last + DAY, time.monotonic()
        page = call_poster(
            self._credentials,
            lambda poster: poster.get_receipts(
                first, last, after=after, of=self._of, with_history=True, within=within
            ),
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


# --- The weeks before --------------------------------------------------------------------------------------


def _store_weeks(turn: Turn[Tally], members: Members) -> None:
    """Store what today's clients bought in the weeks before the first night, a row a group and week.

    Each week is stored as it comes, and a look that has ended between two goes on with the next one. A week
    that Poster has not shown whole is left out. Without the right to sales it is tried next night.
    """
    first_night, _last = Figure.objects.first_and_last(turn.row.pk)
    if first_night is None:
        return
    stored = Figure.objects.filter(account=turn.row.pk, by_todays_members=True).values_list("day", flat=True)
    lasts = [first_night - DAY - number * 7 * DAY for number in range(WEEKS)]
    for last in sorted(set(lasts).difference(stored)):
        try:
            found = read_sales(turn.credentials, Period(last - 6 * DAY, last), within=LONGEST_WEEK)
        except NotAllowed:
            return
        buyers, receipts, kopecks = Counter[int](), Counter[int](), Counter[int]()
        for sale in found.sales:
            if sale.receipts and (group_id := members.group_of.get(sale.id)):
                buyers[group_id] += 1
                receipts[group_id] += sale.receipts
                kopecks[group_id] += int(sale.revenue * 100)
        is_whole = not (found.unreadable or found.lost or found.may_be_cut)
        rows = [
            Figure(
                account_id=turn.row.pk,
                group_id=group_id,
                day=last,
                buyers=buyers[group_id],
                receipts=receipts[group_id],
                revenue=Decimal(kopecks[group_id]) / 100,
                by_todays_members=True,
            )
            for group_id in (members.group_ids if is_whole else ())
        ]
        with transaction.atomic():
            turn.stay()
            Figure.objects.bulk_create(rows, batch_size=BATCH)
    turn.stay(weeks_read=True)


def tally_of(credentials: PosterCredentials) -> Tally | None:
    found = Tally.objects.watched().select_related("watch__credentials__user")
    return found.filter(pk=credentials.account_id).first() if settings.FIGURES_SECONDS else None


# --- Changes of a percent ----------------------------------------------------------------------------------


class PercentChange(NamedTuple):
    """A change of a group's percent that has happened, on a day of the site's clock."""

    change: Change
    group_id: int
    day: date
    old: Decimal
    new: Decimal

    @property
    def is_old_enough(self) -> bool:
        return timezone.localdate() - self.day >= HALF * DAY

    @property
    def words(self) -> str:
        numbers = NumberFormat.current()
        return f"{numbers.number(self.old)} → {numbers.percent(self.new)}"


def percent_changes(
    account_id: str, first: date, last: date, group_id: int | None = None
) -> list[PercentChange]:
    """Return the changes of percents on these days, made here or elsewhere, the first ones first."""
    rows = Change.objects.of_groups().filter(
        account=account_id, action=Change.Action.UPDATE, state__in=Change.HAPPENED, before__isnull=False
    )
    if group_id is not None:
        rows = rows.filter(group_id=group_id)
    # A change made here may have been sent on the day after it was created, as one that waited for a yes.
    rows = rows.filter(created_at__date__gte=first - 30 * DAY, created_at__date__lte=last + DAY)
    found = [each for each in map(percent_change, rows.order_by("created_at")) if each]
    return [each for each in found if first <= each.day <= last]


def percent_change(change: Change) -> PercentChange | None:
    """Return the change of the percent that a row of the journal is, or None."""
    is_update = change.action == Change.Action.UPDATE and change.state in Change.HAPPENED
    after = change.after or change.intended
    if not is_update or change.group_id is None or not change.before or not after:
        return None
    old, new = Decimal(str(change.before["percent"])), Decimal(str(after["percent"]))
    day = timezone.localdate(change.sent_at or change.created_at)
    return PercentChange(change, change.group_id, day, old, new) if old != new else None


# --- What a change did -------------------------------------------------------------------------------------

type Doubt = Literal["", "days", "members", "receipts", "steps", "noise", "nothing"]


@dataclass(frozen=True, slots=True)
class Effect:
    """A group beside the others, 28 days before a change of its percent and 28 days after.

    The four figures are revenue by member and night, None where a day is missing. `ratio` is after ÷ before
    of the group, ÷ that of the others; `noise` is the standard deviation of its logarithm from week to week
    before the change. `doubt` says why a verdict cannot be told.
    """

    made: PercentChange
    before: Decimal | None = None
    after: Decimal | None = None
    others_before: Decimal | None = None
    others_after: Decimal | None = None
    ratio: float | None = field(default=None, kw_only=True)
    noise: float | None = field(default=None, kw_only=True)
    doubt: Doubt = field(default="", kw_only=True)

    @property
    def verdict(self) -> Literal["more", "less", "cannot-tell"]:
        if self.doubt or self.ratio is None:
            return "cannot-tell"
        return "more" if self.ratio > 1 else "less"


class _Night(NamedTuple):
    """The sums of one night, or of some, in which each member counts once a night."""

    revenue: Decimal
    members: int
    receipts: int

    @property
    def by_member(self) -> Decimal | None:
        return self.revenue / self.members if self.members else None


type _Days = dict[date, _Night]


def effect_of(made: PercentChange) -> Effect:
    """Compare a group with all groups whose percent did not change in these days."""
    account_id, first, last = made.change.account_id, made.day - HALF * DAY, made.day + HALF * DAY
    changed = {each.group_id for each in percent_changes(account_id, first, last)} | {made.group_id}
    nights = Figure.objects.nights(account_id).filter(day__range=(first, last)).exclude(day=made.day)
    own = _by_day(nights.filter(group_id=made.group_id))
    others = _by_day(nights.exclude(group_id__in=changed))
    days = [first + number * DAY for number in range(HALF)], [made.day + DAY + n * DAY for n in range(HALF)]
    halves = [_sum(of_day, half) for of_day in (own, others) for half in days]
    figures = [half.by_member if half else None for half in halves]
    effect = Effect(made, *figures)
    if None in halves:
        return replace(effect, doubt="days")
    if not all(figures):
        return replace(effect, doubt="nothing")
    before, after, others_before, others_after = (float(figure or 0) for figure in figures)
    ratio = after / before / (others_after / others_before)
    paces = []
    for start in range(0, HALF, WEEK):
        mine, theirs = (_sum(of_day, days[0][start : start + WEEK]) for of_day in (own, others))
        rates = [float(each.by_member or 0) if each else 0 for each in (mine, theirs)]
        paces.append(rates[0] / rates[1] if rates[1] else 0)
    steps = [math.log(then / before) for before, then in pairwise(paces) if before and then]
    noise = stdev(steps) if len(steps) >= FEWEST_STEPS else None
    doubt: Doubt = ""
    if any(night.members < FEWEST_MEMBERS for night in (*own.values(), *others.values())):
        doubt = "members"
    elif any(half and half.receipts < FEWEST_RECEIPTS for half in halves):
        doubt = "receipts"
    elif noise is None:
        doubt = "steps"
    elif abs(math.log(ratio)) <= 2 * noise:
        doubt = "noise"
    return replace(effect, ratio=ratio, noise=noise, doubt=doubt)


def _by_day(nights: FigureQuerySet) -> _Days:
    """Add up each night; one of which a sum is unknown is left out."""
    sums = nights.order_by().values("day").annotate(Sum("revenue"), Sum("clients"), Sum("receipts"))
    found = sums.values_list("day", "revenue__sum", "clients__sum", "receipts__sum")
    return {day: _Night(*sums) for day, *sums in found if None not in sums}


def _sum(of_day: _Days, days: Iterable[date]) -> _Night | None:
    """Return the sums of these nights, None if one is missing."""
    rows = [of_day[day] for day in days if day in of_day]
    if len(rows) != len(list(days)):
        return None
    revenue = sum((row.revenue for row in rows), Decimal(0))
    return _Night(revenue, sum(row.members for row in rows), sum(row.receipts for row in rows))


# --- The bonus book ----------------------------------------------------------------------------------------


class BookRow(NamedTuple):
    """A group in the bonus book; `rest` is what receipts do not explain. None is not known."""

    group_id: int
    opening: Decimal | None
    granted: Decimal | None
    spent: Decimal | None
    closing: Decimal | None

    @property
    def rest(self) -> Decimal | None:
        if None in self:
            return None
        return (self.closing or 0) - (self.opening or 0) - (self.granted or 0) + (self.spent or Decimal(0))


@dataclass(frozen=True, slots=True)
class Book:
    """The bonus book of a month, from one night to another; the `missing` ones lie between them."""

    month: date
    opened: date | None = None
    closed: date | None = None
    missing: tuple[date, ...] = ()
    rows: tuple[BookRow, ...] = ()

    @property
    def total(self) -> BookRow:
        columns = zip(*(row[1:] for row in self.rows), strict=True)
        sums = [None if None in column else sum(column, Decimal(0)) for column in columns]
        return BookRow(0, *sums) if sums else BookRow(0, None, None, None, None)


def end_of_month(month: date) -> date:
    return (month + 31 * DAY).replace(day=1) - DAY


def bonus_book(account_id: str, month: date) -> Book:
    """Return the book of the month that begins with a day.

    It opens with the last night before the month; the first one of all opens with the first night in it.
    """
    owed = Figure.objects.nights(account_id).filter(owed__isnull=False)
    in_month = owed.filter(day__range=(month, end_of_month(month)))
    bounds = in_month.aggregate(first=Min("day"), last=Max("day"))
    if bounds["last"] is None:
        return Book(month)
    opened = owed.filter(day__lt=month).aggregate(last=Max("day"))["last"] or bounds["first"]
    closed = bounds["last"]
    opening, closing = (
        dict(owed.filter(day=day).values_list("group_id", "owed")) for day in (opened, closed)
    )
    days = Figure.objects.nights(account_id).filter(day__range=(max(month, opened + DAY), closed))
    # Without the right to receipts a day has none of these, and the sums of the month are not known.
    is_known = not days.filter(granted__isnull=True).exists()
    sums = days.order_by().values_list("group_id").annotate(Sum("granted"), Sum("spent"))
    moved = {group_id: (granted, spent) for group_id, granted, spent in sums} if is_known else {}
    nothing = (Decimal(0), Decimal(0)) if is_known else (None, None)
    rows = [
        BookRow(
            group_id,
            opening.get(group_id) or Decimal(0),
            *moved.get(group_id, nothing),
            closing.get(group_id) or Decimal(0),
        )
        for group_id in sorted(opening.keys() | closing.keys() | moved.keys())
    ]
    nights = set(owed.filter(day__range=(opened, closed)).values_list("day", flat=True))
    between = (opened + number * DAY for number in range((closed - opened).days))
    return Book(month, opened, closed, tuple(day for day in between if day not in nights), tuple(rows))


def owed_by_night(account_id: str, book: Book, group_ids: Iterable[int]) -> dict[int, dict[date, Decimal]]:
    """Return what was owed in each night of a book, of each of these groups and, under 0, of all."""
    if book.opened is None or book.closed is None:
        return {}
    owed = Figure.objects.nights(account_id).filter(owed__isnull=False, day__range=(book.opened, book.closed))
    found = {0: dict(owed.order_by("day").values_list("day").annotate(Sum("owed")))}
    rows = owed.filter(group_id__in=group_ids).order_by("day").values_list("group_id", "day", "owed")
    for group_id, day, amount in rows:
        found.setdefault(group_id, {})[day] = amount
    return found


# --- What is owed, and what share is spent -----------------------------------------------------------------


type Amounts = dict[int, tuple[Decimal | None, Decimal | None, Decimal | None]]


def amounts_of_groups(account_id: str) -> tuple[date | None, Amounts]:
    """Return by group what is owed as of a day, and what was granted and spent in 30 days up to it."""
    nights = Figure.objects.nights(account_id).order_by()
    night: date | None = nights.filter(owed__isnull=False).aggregate(Max("day"))["day__max"]
    if night is None:
        return None, {}
    lately = nights.filter(day__gt=night - 30 * DAY).values_list("group_id")
    moved = {group_id: sums for group_id, *sums in lately.annotate(Sum("granted"), Sum("spent"))}
    owed = nights.filter(day=night, owed__isnull=False).values_list("group_id", "owed")
    return night, {group_id: (amount, *moved.get(group_id, (None, None))) for group_id, amount in owed}


def share_spent(account_id: str, group: Group) -> int | None:
    """Return how many percent of the bonuses granted in three months were spent, once that is known."""
    if group.loyalty_type != LoyaltyType.BONUS:
        return None
    nights = Figure.objects.nights(account_id).filter(
        group_id=group.id, day__gt=yesterday() - SHARE_DAYS * DAY
    )
    sums = nights.filter(granted__isnull=False).aggregate(Count("pk"), Sum("granted"), Sum("spent"))
    if sums["pk__count"] < SHARE_NIGHTS or not sums["granted__sum"]:
        return None
    return int(100 * sums["spent__sum"] / sums["granted__sum"] + Decimal("0.5"))
