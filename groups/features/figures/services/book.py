"""Add up the bonus book of a month, what is owed now, and what share of the bonuses is spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Max, Min, Sum

from groups.features.figures.models import DAY, Figure
from groups.features.insights.services.sales import rounded


class BookRow(NamedTuple):
    """A group in the bonus book; `rest` is what stands in no receipt. None is not known."""

    group_id: int
    opening: Decimal | None
    granted: Decimal | None
    spent: Decimal | None
    moved: Decimal | None
    closing: Decimal | None

    @property
    def rest(self) -> Decimal | None:
        _group_id, *known = (each for each in self if each is not None)
        if len(known) < len(self) - 1:
            return None
        opening, granted, spent, moved, closing = known
        return Decimal(closing - opening - granted + spent - moved)


@dataclass(frozen=True, slots=True)
class Book:
    """The bonus book of a month, from the night `opened` to the night `closed`.

    Of the days between them `without_receipts` have none that are known, `without_night` have those alone.
    Who changed groups is not known in the nights `without_moves`.
    """

    month: date
    opened: date | None = None
    closed: date | None = None
    without_receipts: tuple[date, ...] = ()
    without_night: tuple[date, ...] = ()
    without_moves: tuple[date, ...] = ()
    rows: tuple[BookRow, ...] = ()

    @property
    def missing(self) -> list[date]:
        return sorted(self.without_receipts + self.without_night)

    @property
    def total(self) -> BookRow:
        columns = zip(*(row[1:] for row in self.rows), strict=True)
        sums = [None if None in column else sum(column, Decimal(0)) for column in columns]
        return BookRow(0, *sums) if sums else BookRow(0, None, None, None, None, None)


def end_of_month(month: date) -> date:
    return (month + 31 * DAY).replace(day=1) - DAY


def add_up(account_id: str, month: date) -> Book:
    """Return the book of the month that begins with a day.

    It opens with the last night before the month; the first one of all opens with the first night in it.
    """
    figures = Figure.objects.filter(account=account_id).order_by()
    nights = figures.filter(owed__isnull=False)
    in_month = nights.filter(day__range=(month, end_of_month(month)))
    first, closed = in_month.aggregate(first=Min("day"), last=Max("day")).values()
    if closed is None:
        return Book(month)
    opened = nights.filter(day__lt=month).aggregate(last=Max("day"))["last"] or first
    opening, closing = (
        dict(figures.filter(day=day).values_list("group_id", "owed")) for day in (opened, closed)
    )
    between = figures.filter(day__range=(opened + DAY, closed))
    # Each day says whether receipts, a night, and changes of groups are known of all groups.
    known: dict[date, tuple[bool, bool, bool]] = {}
    counts = between.values_list("day").annotate(Count("pk"), Count("granted"), Count("owed"), Count("moved"))
    for day, rows, granted, owed, moved in counts:
        known[day] = granted == rows, owed > 0, moved == rows
    days = [opened + number * DAY for number in range(1, (closed - opened).days + 1)]
    without_receipts, without_night, without_moves = (
        tuple(day for day in days if not known.get(day, (False,) * 3)[column]) for column in range(3)
    )
    without_night = tuple(day for day in without_night if day not in without_receipts)
    sums = between.values_list("group_id").annotate(Sum("granted"), Sum("spent"), Sum("moved"))
    flows = {group_id: found for group_id, *found in sums}
    found = []
    for group_id in sorted(opening.keys() | closing.keys() | flows.keys()):
        # SQLite adds up floating numbers.
        granted, spent, moved = (rounded(each or Decimal(0)) for each in flows.get(group_id, (None,) * 3))
        found.append(
            BookRow(
                group_id,
                opening.get(group_id, Decimal(0)),
                None if without_receipts else granted,
                None if without_receipts else spent,
                None if without_moves else moved,
                closing.get(group_id, Decimal(0)),
            )
        )
    return Book(month, opened, closed, without_receipts, without_night, without_moves, tuple(found))


def owed_by_night(
    account_id: str, book: Book, group_ids: Iterable[int]
) -> dict[int | None, dict[date, Decimal]]:
    """Return what was owed in each night of a book, of each of these groups and, under None, of all."""
    if book.opened is None or book.closed is None:
        return {}
    owed = Figure.objects.filter(
        account=account_id, owed__isnull=False, day__range=(book.opened, book.closed)
    )
    found: dict[int | None, dict[date, Decimal]] = {
        None: dict(owed.order_by("day").values_list("day").annotate(Sum("owed")))
    }
    rows = owed.filter(group_id__in=group_ids).order_by("day").values_list("group_id", "day", "owed")
    for group_id, day, amount in rows:
        found.setdefault(group_id, {})[day] = amount or Decimal(0)  # for mypy: the filter leaves no None
    return found


# --- What is owed -----------------------------------------------------------------------------------------


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
