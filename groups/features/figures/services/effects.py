"""Compare what a group bought before and after a change of its percent with the other groups."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import stdev
from typing import Literal, NamedTuple

from django.db.models import QuerySet, Sum

from groups.features.figures.models import DAY, Figure
from groups.features.figures.services.changes import HALF, PercentChange, percent_changes

WEEK = 7
FEWEST_MEMBERS, FEWEST_RECEIPTS, FEWEST_STEPS = 30, 100, 3

type Doubt = Literal["", "days", "members", "receipts", "steps", "noise", "nothing"]


@dataclass(frozen=True, slots=True)
class MeasuredEffect:
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


def effect_of(made: PercentChange) -> MeasuredEffect:
    """Compare a group with all groups whose percent did not change in these days."""
    account_id, first, last = made.change.account_id, made.day - HALF * DAY, made.day + HALF * DAY
    changed = {each.group_id for each in percent_changes(account_id, first, last)} | {made.group_id}
    nights = Figure.objects.filter(account=account_id, day__range=(first, last)).exclude(day=made.day)
    own = _by_day(nights.filter(group_id=made.group_id))
    others = _by_day(nights.exclude(group_id__in=changed))
    days = [first + number * DAY for number in range(HALF)], [made.day + DAY + n * DAY for n in range(HALF)]
    halves = [_sum(of_day, half) for of_day in (own, others) for half in days]
    figures = [half.by_member if half else None for half in halves]
    effect = MeasuredEffect(made, *figures)
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


def _by_day(nights: QuerySet[Figure]) -> _Days:
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
