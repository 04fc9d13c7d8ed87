"""Compare what a group bought before and after a change of its percent with the other groups."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Literal, NamedTuple

from django.db.models import F, FloatField, Max, Q
from django.db.models.functions import Cast

from groups.features.figures.effect import FEWEST_FOR_VERDICT, Comparison, Verdict, compare
from groups.features.figures.models import DAY, Figure
from groups.features.figures.services.changes import HALF, PercentChange, changes_of_terms
from groups.features.movements.models import Movement

WEEK, WEEKS = 7, HALF // 7
AT = 78
"""Weeks that are read before a change: a night that was not read takes eight of the 45 periods of a year."""
MOST_GROUPS = 100
"""Groups of an account that are read, those with the most clients: 5,000 would take a page ten seconds."""
FEWEST_MEMBERS, FEWEST_RECEIPTS, MOST_MOVED = 30, 100, 0.1

OF: tuple["Of", ...] = ("total", "kept")

type Of = Literal["total", "kept"]
type Doubt = Literal["", "days", "changes", "moved", "members", "receipts", "weeks", "usual", "nothing"]


class MeasuredEffect(NamedTuple):
    """A group beside the others around a change of its percent, in purchases or in what is kept of them.

    `own` and `others` are amounts by member and night, of the four weeks before it and the four after it.
    """

    made: PercentChange
    of: Of
    comparison: Comparison
    doubt: Doubt
    own: Sequence[float | None]
    others: Sequence[float | None]

    @property
    def verdict(self) -> Verdict:
        return "cannot-tell" if self.doubt else self.comparison.verdict


class _Night(NamedTuple):
    """The sums of a group on a day, None where they are not known."""

    clients: int | None
    receipts: int | None
    total: float | None
    kept: float | None


def effects_of(changes: Sequence[PercentChange]) -> list[MeasuredEffect]:
    """Compare the groups of these changes of one account, each in purchases and in what is kept."""
    if not changes:
        return []
    account_id, days = changes[0].change.account_id, [each.day for each in changes]
    first, last = min(days) - AT * WEEK * DAY, max(days) + HALF * DAY
    terms = changes_of_terms(account_id, first - HALF * DAY, last)
    # Clients in no group are none of the others.
    figures = Figure.objects.filter(account=account_id, day__range=(first, last), group_id__gt=0)
    around = figures.filter(day__range=(min(days) - HALF * DAY, last)).order_by().values("group_id")
    largest = around.annotate(most=Max("clients")).order_by("-most", "group_id")[:MOST_GROUPS]
    read = {*(each["group_id"] for each in largest), *(each.group_id for each in changes)}
    sums = Cast("total", FloatField()), Cast(F("revenue") - F("granted"), FloatField())
    nights = defaultdict[int, dict[date, _Night]](dict)
    for group_id, day, *columns in (
        figures.filter(group_id__in=read)
        .order_by()
        .values_list("group_id", "day", "clients", "receipts", *sums)
    ):
        nights[group_id][day] = _Night(*columns)
    found: list[MeasuredEffect] = []
    for made in changes:
        near = [each for each in terms if abs(each.day - made.day) <= HALF * DAY]
        changed = {each.group_id for each in near if each.old != each.new} | {made.group_id}
        own = nights.get(made.group_id, {})
        others = [of_group for group_id, of_group in nights.items() if group_id not in changed]
        again = [
            each for each in terms if each.group_id == made.group_id and each.change.pk != made.change.pk
        ]
        doubt = _doubt_of_nights(made, own, others, is_again=any(each in near for each in again))
        # Weeks that another change touches, four before it and four after.
        excluded = {
            AT + ((each.day - made.day).days + number) // WEEK
            for each in again
            for number in range(-HALF, HALF + 1)
        }
        found += [_effect(made, of, own, others, excluded, doubt) for of in OF]
    return found


def _effect(
    made: PercentChange,
    of: Of,
    own: dict[date, _Night],
    others: Sequence[dict[date, _Night]],
    excluded: set[int],
    doubt: Doubt,
) -> MeasuredEffect:
    mine, theirs = _weeks(own, made.day, of), [_weeks(of_group, made.day, of) for of_group in others]
    course = _mean(theirs)
    found = compare(mine, course, AT, excluded)
    around = range(AT - WEEKS, AT + WEEKS)
    unread = (theirs and all(weeks[week] is None for weeks in theirs) for week in around)
    if any(unread) or None in mine[AT - WEEKS :]:
        doubt = "days"
    elif doubt:
        pass
    elif found.periods < FEWEST_FOR_VERDICT:
        doubt = "weeks"
    elif found.larger:
        doubt = "usual"
    elif found.ratio is None:
        doubt = "nothing"
    return MeasuredEffect(made, of, found, doubt, mine[AT - WEEKS :], course[AT - WEEKS :])


def _weeks(nights: dict[date, _Night], day: date, of: Of) -> list[float | None]:
    """Return the amounts by member and night of the weeks before a day and after it, which is in none."""
    found: list[float | None] = []
    for number in range(-AT, WEEKS):
        first = day + (number * WEEK + (number >= 0)) * DAY
        week = [nights.get(first + each * DAY) for each in range(WEEK)]
        amounts = [getattr(night, of) for night in week if night and night.clients is not None]
        if len(amounts) < WEEK or None in amounts:
            found.append(None)
        else:
            members = sum(night.clients or 0 for night in week if night)
            found.append(sum(amounts) / members if members else 0.0)
    return found


def _mean(groups: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return the mean of the logarithms of groups as amounts.

    From one week to the next those count who are known in both: a group that comes or goes is no step.
    """
    known = [
        {number: math.log(each) for number, weeks in enumerate(groups) if (each := weeks[week] or 0) > 0}
        for week in range(AT + WEEKS)
    ]
    found: list[float | None] = [_mean_of(known[0].values())]
    for before, now in pairwise(known):
        both = before.keys() & now.keys()
        last = found[-1]
        if both and last is not None:
            found.append(last + sum(now[each] - before[each] for each in both) / len(both))
        else:
            # No period reaches over a week that is not known, so that another beginning does no harm.
            found.append(_mean_of(now.values()) if last is None else None)
    return [None if each is None else math.exp(each) for each in found]


def _mean_of(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _doubt_of_nights(
    made: PercentChange, own: dict[date, _Night], others: Sequence[dict[date, _Night]], *, is_again: bool
) -> Doubt:
    """Return why the nights around a change allow no verdict, or nothing."""
    if is_again:
        return "changes"
    days = [made.day + number * DAY for number in range(-HALF, HALF + 1)]
    clients = [night.clients for day in days if (night := own.get(day)) and night.clients is not None]
    of_group = Q(to_id=made.group_id) | Q(from_id=made.group_id)
    moved = Movement.objects.filter(of_group, account=made.change.account_id, day__range=(days[0], days[-1]))
    # Movements are kept for some months; later the numbers of clients show most of them.
    came_or_left = sum(abs(after - before) for before, after in pairwise(clients))
    if clients and max(came_or_left, moved.count()) > MOST_MOVED * clients[0]:
        return "moved"
    del days[HALF]
    for side in [[own]] + [others] * bool(others):
        if any(sum(each[day].clients or 0 for each in side if day in each) < FEWEST_MEMBERS for day in days):
            return "members"
        for half in (days[:HALF], days[HALF:]):
            if sum(each[day].receipts or 0 for each in side for day in half if day in each) < FEWEST_RECEIPTS:
                return "receipts"
    return ""
