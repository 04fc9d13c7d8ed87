"""Add up the bonus book of a month, what is owed now, and what share of the bonuses is spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Max, Min, Sum

from groups.features.figures.models import DAY, Figure, yesterday
from groups.poster import Group, LoyaltyType

SHARE_DAYS = 91
SHARE_NIGHTS = 84
"""Nights of SHARE_DAYS that have to be known before a share of them is shown."""


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


def add_up(account_id: str, month: date) -> Book:
    """Return the book of the month that begins with a day.

    It opens with the last night before the month; the first one of all opens with the first night in it.
    """
    owed = Figure.objects.filter(account=account_id, owed__isnull=False)
    in_month = owed.filter(day__range=(month, end_of_month(month)))
    bounds = in_month.aggregate(first=Min("day"), last=Max("day"))
    if bounds["last"] is None:
        return Book(month)
    opened = owed.filter(day__lt=month).aggregate(last=Max("day"))["last"] or bounds["first"]
    closed = bounds["last"]
    opening, closing = (
        dict(owed.filter(day=day).values_list("group_id", "owed")) for day in (opened, closed)
    )
    days = Figure.objects.filter(account=account_id, day__range=(max(month, opened + DAY), closed))
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
    owed = Figure.objects.filter(
        account=account_id, owed__isnull=False, day__range=(book.opened, book.closed)
    )
    found = {0: dict(owed.order_by("day").values_list("day").annotate(Sum("owed")))}
    rows = owed.filter(group_id__in=group_ids).order_by("day").values_list("group_id", "day", "owed")
    for group_id, day, amount in rows:
        found.setdefault(group_id, {})[day] = amount
    return found


# --- What is owed, and what share is spent -----------------------------------------------------------------


type Amounts = dict[int, tuple[Decimal | None, Decimal | None, Decimal | None]]


def amounts_of_groups(account_id: str) -> tuple[date | None, Amounts]:
    """Return by group what is owed as of a day, and what was granted and spent in 30 days up to it."""
    nights = Figure.objects.filter(account=account_id).order_by()
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
    nights = Figure.objects.filter(
        account=account_id, group_id=group.id, day__gt=yesterday() - SHARE_DAYS * DAY
    )
    sums = nights.filter(granted__isnull=False).aggregate(Count("pk"), Sum("granted"), Sum("spent"))
    if sums["pk__count"] < SHARE_NIGHTS or not sums["granted__sum"]:
        return None
    return int(100 * sums["spent__sum"] / sums["granted__sum"] + Decimal("0.5"))
