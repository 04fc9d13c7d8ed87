"""Tell what the figures show: the bonus book of a month, what a change did, and what is owed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import stdev
from typing import Literal, NamedTuple

from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from groups.features.figures.models import Figure, FigureQuerySet, yesterday
from groups.models import Change
from groups.poster import Group, LoyaltyType

DAY = timedelta(days=1)
HALF = 28
"""Days before a change, and days after it, that are compared."""
WEEK = 7
FEWEST_MEMBERS, FEWEST_RECEIPTS, FEWEST_STEPS = 30, 100, 3
SHARE_DAYS = 91
SHARE_NIGHTS = 84
"""Nights of SHARE_DAYS that have to be known before a share of them is told."""


# --- Changes of a percent ----------------------------------------------------------------------------------


class PercentChange(NamedTuple):
    """A change of a group's percent that has happened, on a day of the site's clock."""

    change: Change
    group_id: int
    day: date
    old: Decimal
    new: Decimal


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

type Verdict = Literal["more", "less", "cannot-tell"]
type Doubt = Literal["", "days", "members", "receipts", "steps", "noise", "nothing"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of a group beside the others, 28 days before a change of its percent and 28 days after.

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
    def verdict(self) -> Verdict:
        if self.doubt or self.ratio is None:
            return "cannot-tell"
        return "more" if self.ratio > 1 else "less"


class _Nights(NamedTuple):
    """The sums of some nights; `members` counts each member once a night."""

    revenue: Decimal
    members: int
    receipts: int

    @property
    def by_member(self) -> Decimal | None:
        return self.revenue / self.members if self.members else None


def is_old_enough(made: PercentChange) -> bool:
    return timezone.localdate() - made.day >= HALF * DAY


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
    weeks = [days[0][start : start + WEEK] for start in range(0, HALF, WEEK)]
    paces = [(_pace(own, week), _pace(others, week)) for week in weeks]
    steps = [
        math.log(mine / mine_before / (theirs / theirs_before))
        for (mine_before, theirs_before), (mine, theirs) in pairwise(paces)
        if mine_before and theirs_before and mine and theirs
    ]
    noise = stdev(steps) if len(steps) >= FEWEST_STEPS else None
    doubt: Doubt = ""
    if any(members < FEWEST_MEMBERS for of_day in (own, others) for _r, members, _c in of_day.values()):
        doubt = "members"
    elif any(half and half.receipts < FEWEST_RECEIPTS for half in halves):
        doubt = "receipts"
    elif noise is None:
        doubt = "steps"
    elif abs(math.log(ratio)) <= 2 * noise:
        doubt = "noise"
    return replace(effect, ratio=ratio, noise=noise, doubt=doubt)


type _Days = dict[date, tuple[Decimal, int, int]]


def _by_day(nights: FigureQuerySet) -> _Days:
    """Add up each night: revenue, members, receipts. A night of which one is unknown is left out."""
    sums = nights.order_by().values("day").annotate(Sum("revenue"), Sum("clients"), Sum("receipts"))
    found = sums.values_list("day", "revenue__sum", "clients__sum", "receipts__sum")
    return {day: tuple(sums) for day, *sums in found if None not in sums}


def _sum(of_day: _Days, days: Iterable[date]) -> _Nights | None:
    """Return the sums of these nights, None if one is missing."""
    rows = [of_day.get(day) for day in days]
    if None in rows:
        return None
    known = [row for row in rows if row is not None]
    revenue = sum((row[0] for row in known), Decimal(0))
    return _Nights(revenue, sum(row[1] for row in known), sum(row[2] for row in known))


def _pace(of_day: _Days, week: list[date]) -> float:
    found = _sum(of_day, week)
    return float(found.by_member or 0) if found else 0.0


# --- The bonus book ----------------------------------------------------------------------------------------


class BookRow(NamedTuple):
    """A group in the bonus book; `rest` is what receipts do not explain. None is not known."""

    group_id: int
    opening: Decimal
    granted: Decimal | None
    spent: Decimal | None
    closing: Decimal

    @property
    def rest(self) -> Decimal | None:
        if self.granted is None or self.spent is None:
            return None
        return self.closing - self.opening - self.granted + self.spent


@dataclass(frozen=True, slots=True)
class Book:
    """The bonus book of a month, from the night `opened` to the night `closed`; `missing` lie between them.

    `owed` has what was owed of all groups, and of each, in each night.
    """

    month: date
    opened: date | None = None
    closed: date | None = None
    missing: tuple[date, ...] = ()
    rows: tuple[BookRow, ...] = ()

    @property
    def total(self) -> BookRow:
        def summed(amounts: list[Decimal | None]) -> Decimal | None:
            known = [amount for amount in amounts if amount is not None]
            return sum(known, Decimal(0)) if len(known) == len(amounts) else None

        return BookRow(
            0,
            sum((row.opening for row in self.rows), Decimal(0)),
            summed([row.granted for row in self.rows]),
            summed([row.spent for row in self.rows]),
            sum((row.closing for row in self.rows), Decimal(0)),
        )


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


def owed_by_night(
    account_id: str, book: Book, group_ids: Iterable[int] | None
) -> dict[int, dict[date, Decimal]]:
    """Return what was owed in each night of a book: of these groups, or of all together under 0."""
    if book.opened is None or book.closed is None:
        return {}
    owed = Figure.objects.nights(account_id).filter(owed__isnull=False, day__range=(book.opened, book.closed))
    found: dict[int, dict[date, Decimal]] = {}
    if group_ids is None:
        days = owed.order_by("day").values_list("day").annotate(Sum("owed"))
        return {0: dict(days)}
    rows = owed.filter(group_id__in=group_ids).order_by("day").values_list("group_id", "day", "owed")
    for group_id, day, amount in rows:
        found.setdefault(group_id, {})[day] = amount or Decimal(0)
    return found


# --- What is owed, and what share is spent -----------------------------------------------------------------


def last_night(account_id: str) -> date | None:
    """Return the day of the last figures with what is owed."""
    owed = Figure.objects.nights(account_id).filter(owed__isnull=False)
    night: date | None = owed.aggregate(Max("day"))["day__max"]
    return night


def amounts_of_groups(account_id: str) -> dict[int, tuple[Decimal, Decimal | None, Decimal | None]]:
    """Return by group what is owed, and what was granted and spent in the last 30 days."""
    night = last_night(account_id)
    if night is None:
        return {}
    nights = Figure.objects.nights(account_id).order_by()
    sums = (
        nights.filter(day__gt=night - 30 * DAY).values_list("group_id").annotate(Sum("granted"), Sum("spent"))
    )
    moved = {group_id: (granted, spent) for group_id, granted, spent in sums}
    owed = nights.filter(day=night, owed__isnull=False).values_list("group_id", "owed")
    return {group_id: (amount or Decimal(0), *moved.get(group_id, (None, None))) for group_id, amount in owed}


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
