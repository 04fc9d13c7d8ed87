"""Find the changes of percents in the journal."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone

from groups.features.figures.models import DAY
from groups.models import Change
from groups.services.values import NumberFormat

HALF = 28
"""Days before a change, and days after it, that are compared."""


class PercentChange(NamedTuple):
    """A change of a group's percent that has happened, on a day of the site's clock.

    As one of the `changes_of_terms` it may have changed the type or the birthday bonus alone.
    """

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


def percent_changes(account_id: str, first: date, last: date, group_id: int) -> list[PercentChange]:
    """Return the changes of a group's percent on these days, made here or elsewhere, the first ones first."""
    found = changes_of_terms(account_id, first, last, group_id)
    return [each for each in found if each.old != each.new]


def changes_of_terms(
    account_id: str, first: date, last: date, group_id: int | None = None
) -> list[PercentChange]:
    rows = Change.objects.of_groups().filter(
        account=account_id, action=Change.Action.UPDATE, state__in=Change.HAPPENED, before__isnull=False
    )
    if group_id is not None:
        rows = rows.filter(group_id=group_id)
    # A change made here may have been sent days after it was created, as one that waited for an approval.
    rows = rows.filter(created_at__date__gte=first - 30 * DAY, created_at__date__lte=last + DAY)
    found = [each for each in map(_change_of_terms, rows.order_by("created_at")) if each]
    return [each for each in found if first <= each.day <= last]


def percent_change(change: Change) -> PercentChange | None:
    """Return the change of the percent that a row of the journal is, or None."""
    found = _change_of_terms(change)
    return found if found and found.old != found.new else None


def _change_of_terms(change: Change) -> PercentChange | None:
    is_update = change.action == Change.Action.UPDATE and change.state in Change.HAPPENED
    after = change.after or change.intended
    if not is_update or change.group_id is None or not change.before or not after:
        return None
    terms = [
        tuple(Decimal(str(values.get(name) or 0)) for name in ("percent", "loyalty_type", "birthday_bonus"))
        for values in (change.before, after)
    ]
    if terms[0] == terms[1]:
        return None
    day = timezone.localdate(change.sent_at or change.created_at)
    return PercentChange(change, change.group_id, day, terms[0][0], terms[1][0])
