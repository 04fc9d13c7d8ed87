"""Put the table of criteria into words."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.criteria.models import Criteria, CriteriaPin
from groups.features.criteria.services.judging import Criterion
from groups.features.criteria.services.nights import was_run_by_hand
from groups.features.criteria.services.tables import SavedTable
from groups.presenters.messages import Message
from groups.services.groups import Groups
from groups.services.values import NumberFormat

_KOPECKS = 100


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """A row of the saved table, in words; `is_gone` if its group is no longer in Poster."""

    number: int
    group_id: int
    name: str
    conditions: list[str]
    is_gone: bool


class CriteriaPage:
    """The saved table with the names of its groups, and the pins."""

    def __init__(self, saved: SavedTable | None, groups: Groups, pins: Sequence[CriteriaPin]) -> None:
        self.saved = saved
        self.pins = pins
        self._groups = groups

    @cached_property
    def rows(self) -> list[CriterionRow]:
        rows = self.saved.table.rows if self.saved else ()
        return [
            CriterionRow(
                number,
                row.group_id,
                self.name_of(row.group_id),
                conditions_of(row),
                self.is_gone(row.group_id),
            )
            for number, row in enumerate(rows, 1)
        ]

    @property
    def otherwise(self) -> str:
        return self.name_of(self.saved.table.otherwise) if self.saved else ""

    @property
    def night(self) -> Message | None:
        """When the table runs next at night, or why it does not; None where it is not for every night."""
        row = self.saved.row if self.saved else None
        if row is None or not row.nightly:
            return None
        if row.held:
            reason = str(Criteria.Held(row.held).label)
            return Message(_("It runs no more at night"), reason, _("Save the table to let it go on."))
        if not was_run_by_hand(row):
            text = _("A person runs each table first, to its end. This one was not run yet.")
            return Message(_("It does not run at night yet"), text)
        if row.night_at is None:
            return Message(_("It does not run at night"), _("Nights are switched off on this server."))
        time = date_format(localtime(row.night_at), "SHORT_DATETIME_FORMAT")
        return Message(_("It runs every night"), _("The next time is %(time)s.") % {"time": time})

    @property
    def is_held(self) -> bool:
        return bool(self.saved and self.saved.row.held)

    @property
    def has_gone(self) -> bool:
        """Return True if a group of the table is no longer in Poster: nobody is moved then."""
        return bool(self.saved and any(map(self.is_gone, self.saved.table.groups)))

    def is_gone(self, group_id: int) -> bool:
        """Return True if a group is certainly no longer in Poster."""
        if self._groups.failure or any(row.id in (None, group_id) for row in self._groups.unreadable):
            return False
        return self._groups.find(group_id) is None

    def name_of(self, group_id: int) -> str:
        group = self._groups.find(group_id)
        return group.name if group else _("group %(id)s") % {"id": group_id}


def nothing_saved_words() -> Message:
    """Return that there is no table yet, so there is nothing to look at or to run."""
    return Message(_("There are no criteria yet"), _("Save a table first."))


def incomplete_words() -> Message:
    """Return that a form lacks what its page has given it."""
    return Message(_("Nothing was started"), _("This form is incomplete. Open the page again."))


def changed_words() -> Message:
    """Return that other criteria were saved since the page was opened."""
    return Message(
        _("The criteria were changed since"),
        _("Nobody has been moved."),
        _("Look at what they would do now, and run them then."),
    )


def too_many_words(moves: int, most: int) -> Message:
    """Return that a run is larger than its table allows, and that nobody can be asked here."""
    count = NumberFormat.current().count
    return Message(
        _("So many clients are not moved at once"),
        _("%(moves)s clients would move, and the table allows %(most)s. Nobody has been moved.")
        % {"moves": count(moves), "most": count(most)},
        _(
            "Requests are switched off on this server, so nobody can say yes to more. "
            "Raise the bound of the table, or narrow its rows."
        ),
    )


def days_words(days: int) -> str:
    """Return a period up to today in words: "in 30 days"."""
    return ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}


def conditions_of(row: Criterion) -> list[str]:
    """Return the conditions of a row, each in a few words."""
    numbers, found = NumberFormat.current(), []
    if row.days is not None and row.needs_sales:
        period = days_words(row.days)
        low, high = row.bought_min, row.bought_max
        if low is not None or high is not None:
            bounds = bounds_words(
                None if low is None else kopecks_words(low), None if high is None else kopecks_words(high)
            )
            found.append(_("bought %(bounds)s %(period)s") % {"bounds": bounds, "period": period})
        low, high = row.receipts_min, row.receipts_max
        if low is not None or high is not None:
            bounds = bounds_words(
                None if low is None else numbers.count(low), None if high is None else numbers.count(high)
            )
            found.append(_("receipts: %(bounds)s %(period)s") % {"bounds": bounds, "period": period})
    low, high = row.registered_min, row.registered_max
    if low is not None or high is not None:
        bounds = bounds_words(
            None if low is None else numbers.count(low), None if high is None else numbers.count(high)
        )
        found.append(_("registered, days ago: %(bounds)s") % {"bounds": bounds})
    if row.birthday_in is not None:
        text = ngettext(
            "a birthday within %(count)s day", "a birthday within %(count)s days", row.birthday_in
        )
        found.append(text % {"count": numbers.count(row.birthday_in)})
    return found


def bounds_words(low: str | None, high: str | None) -> str:
    """Return the bounds of a condition: "at least 6,000 ₴", "from 5 to 8", "at most 3"."""
    if low is not None and high is not None:
        return _("from %(low)s to %(high)s") % {"low": low, "high": high}
    return _("at least %(low)s") % {"low": low} if low is not None else _("at most %(high)s") % {"high": high}


def kopecks_words(kopecks: int) -> str:
    """Return an amount in kopecks as money, without kopecks where there are none."""
    return NumberFormat.current().round_money(Decimal(kopecks) / _KOPECKS)
