"""Put the table of criteria into words, and offer its page in the settings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups import hooks
from groups.features.approvals.models import ApprovalRequest
from groups.features.criteria.models import Criteria, CriteriaPin
from groups.features.criteria.services.judging import Criterion, Table
from groups.features.criteria.services.nights import was_run_by_hand, what_holds, what_waits
from groups.features.criteria.services.previews import is_better
from groups.models import Change, Job
from groups.poster import Group
from groups.poster.fields import KOPECKS
from groups.presenters.messages import Message
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services.groups import Groups
from groups.services.jobs.kinds import JobKind
from groups.services.values import NumberFormat, moment_words, name_or_number, terms_words


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """A row of the saved table, in words; `is_gone` if its group is no longer in Poster."""

    group_id: int
    name: str
    conditions: list[str]
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Night:
    """The next night of a table, or why there is none, in words.

    It `needs_somebody` where a person has to let the nights go on, at `url` if the user may see that.
    """

    message: Message
    needs_somebody: bool = False
    url: str = ""


class CriteriaPage:
    """The saved table with the names of its groups, and the pins."""

    def __init__(
        self, saved: Criteria | None, groups: Groups, pins: Sequence[CriteriaPin], user: User
    ) -> None:
        self.saved = saved
        self.pins = pins
        self._table = Table.from_json(saved.table) if saved else None
        self._user = user
        self._groups = groups

    @cached_property
    def rows(self) -> list[CriterionRow]:
        return [
            CriterionRow(
                row.group_id, self._name(row.group_id), conditions_of(row), self._is_gone(row.group_id)
            )
            for row in (self._table.rows if self._table else ())
        ]

    @property
    def otherwise(self) -> str:
        return self._name(self._table.otherwise) if self._table else ""

    @cached_property
    def _waits(self) -> Job | ApprovalRequest | None:
        """The job or request that a person has to decide before a night can begin."""
        return what_waits(self.saved) if self.saved else None

    @cached_property
    def night(self) -> Night | None:
        """The next night of the table, or why there is none; None for a table that does not run at night."""
        row = self.saved
        if row is None or not row.nightly:
            return None
        if row.held:
            advice = _("Save the table to let it go on.")
            message = Message(_("It runs no more at night"), row.get_held_display(), advice)
            return Night(message, needs_somebody=True)
        if not was_run_by_hand(row):
            text = _("First a person runs it from its preview, while its clients and sales can be read.")
            return Night(Message(_("It does not run at night yet"), text))
        if row.night_at is None:
            text = _("Nights are switched off on this server.")
            return Night(Message(_("It does not run at night"), text))
        waits = self._waits
        if waits is None:
            holds = what_holds(row) if row.left_out_at else None
            text = _("The next time is %(time)s.") % {"time": moment_words(row.night_at)}
            if holds is None or row.left_out_at is None or row.left_out_at < holds.created_at:
                return Night(Message(_("It runs every night"), text))
            title, why = _("The last night was left out"), held_up_words(holds)
            is_change = isinstance(holds, Change)
            return Night(Message(title, why, text), needs_somebody=is_change, url=holds.get_absolute_url())
        last = ""
        if row.left_out_at and row.left_out_at > waits.created_at:
            last = _("The last one was left out on %(time)s.") % {"time": moment_words(row.left_out_at)}
        if isinstance(waits, Job):
            may_see = True
            text = _(
                "“%(title)s” holds groups of the table and has stopped or was paused: "
                "nights are left out until somebody resumes or cancels it."
            ) % {"title": JobKind.of(waits).title}
        else:
            may_see = waits.may_be_seen_by(self._user)
            text = _("A run waits for the yes of another person: nights are left out until that is decided.")
        message = Message(_("It does not run at night"), text, last)
        return Night(message, needs_somebody=True, url=waits.get_absolute_url() if may_see else "")

    @cached_property
    def asked(self) -> ApprovalRequest | None:
        """The request for a run that waits for a decision, if the user may see it."""
        waits = self._waits
        if isinstance(waits, ApprovalRequest) and waits.may_be_seen_by(self._user):
            return waits
        return None

    @property
    def has_gone(self) -> bool:
        """Return True if a group of the table is no longer in Poster: nobody is moved then."""
        return any(map(self._is_gone, self._table.groups)) if self._table else False

    def _is_gone(self, group_id: int) -> bool:
        """Return True if a group is certainly no longer in Poster."""
        if self._groups.failure or any(row.id in (None, group_id) for row in self._groups.unreadable):
            return False
        return self._groups.find(group_id) is None

    def _name(self, group_id: int) -> str:
        return name_or_number(self._groups.find(group_id), group_id)


@hooks.settings_pages(order=3)
def settings_of_criteria(user: User) -> list[SettingsPage]:
    """Return the page of the criteria, for users who may see groups."""
    if not user.has_perm("groups.view_group"):
        return []
    words = _("Who belongs in which group; how many a run moves; every night; who stays where they are.")
    return [SettingsPage(ACCOUNT, _("Criteria"), reverse("groups:criteria"), words, "stairs")]


def less_above_words(table: Table, groups: Iterable[Group]) -> Iterator[str]:
    """Yield a warning for each place of a table that gives less than the next one."""
    found = {group.id: group for group in groups}
    for upper, lower in pairwise(found[group_id] for group_id in table.groups):
        if is_better(upper, lower):
            text = _("“%(upper)s” stands above “%(lower)s” and gives less: clients who fit both get less.")
            yield text % {"upper": terms_words(upper), "lower": terms_words(lower)}


def nothing_saved_words() -> Message:
    """Return that there is no table yet, so there is nothing to look at or to run."""
    return Message(_("There are no criteria yet"), _("Save a table first."))


def held_up_words(holder: Job | Change) -> str:
    """Return what nights wait for that nobody has to decide: a job at work, or a removal."""
    if isinstance(holder, Job):
        text = _("“%(name)s” holds groups of the table. A night waits six hours for that.")
        return text % {"name": JobKind.of(holder).title}
    text = _("The removal of “%(name)s” has no outcome. A night waits six hours for that.")
    return text % {"name": holder.group_name}


def days_words(days: int) -> str:
    """Return a period up to today in words: "in 30 days"."""
    return ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}


def conditions_of(row: Criterion) -> list[str]:
    """Return the conditions of a row, each in a few words."""
    numbers, found = NumberFormat.current(), []
    if row.days is not None and row.needs_sales:
        period = days_words(row.days)
        if bounds := bounds_words(row.bought_min, row.bought_max, kopecks_words):
            found.append(_("bought %(bounds)s %(period)s") % {"bounds": bounds, "period": period})
        if bounds := bounds_words(row.receipts_min, row.receipts_max, numbers.count):
            found.append(_("receipts: %(bounds)s %(period)s") % {"bounds": bounds, "period": period})
    if bounds := bounds_words(row.registered_min, row.registered_max, numbers.count):
        found.append(_("registered, days ago: %(bounds)s") % {"bounds": bounds})
    if row.birthday_in is not None:
        text = ngettext(
            "a birthday within %(count)s day", "a birthday within %(count)s days", row.birthday_in
        )
        found.append(text % {"count": numbers.count(row.birthday_in)})
    return found


def bounds_words(least: int | None, most: int | None, written: Callable[[int], str]) -> str:
    """Return the bounds of a condition: "at least 6,000 ₴", "from 5 to 8", "at most 3"; empty without any."""
    low, high = (None if bound is None else written(bound) for bound in (least, most))
    if low and high:
        return _("from %(low)s to %(high)s") % {"low": low, "high": high}
    if low:
        return _("at least %(low)s") % {"low": low}
    return _("at most %(high)s") % {"high": high} if high else ""


def kopecks_words(kopecks: int) -> str:
    """Return an amount in kopecks as money, without kopecks where there are none."""
    return NumberFormat.current().round_money(Decimal(kopecks) / KOPECKS)


@hooks.part("list.head", "criteria/link_to_criteria.jinja", order=1)
@hooks.part("list.tools", "criteria/criteria_on_a_phone.jinja", order=2)
def link_of_list(*_things: object) -> dict[str, str]:
    """Link to the criteria for everybody who sees the list."""
    return {}


hooks.section("criteria", "settings")
hooks.form_addresses(
    "criteria_preview", "criteria_spread", "criteria_run", "criteria_pins", "criteria_pin_remove"
)
