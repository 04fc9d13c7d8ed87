"""Narrow the list of groups by the conditions in its address; features add theirs.

A condition looks up what it compares only for a list that asks for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.models import PosterCredentials
from groups.poster import Group
from groups.poster.fields import plain
from groups.services.groups import Groups
from groups.services.journal import history
from groups.services.values import NumberFormat

LONGEST_NUMBER = 12

type Test = Callable[[Group], bool]
type Words = str | Promise
type FindAmounts = Callable[[PosterCredentials, Groups], Callable[[Group], Decimal] | None]
type FindTest = Callable[[PosterCredentials, Groups, str], Test | None]


def asked_number(params: Mapping[str, str], name: str, highest: int) -> str:
    """Return a number of the address in plain digits; an empty string for anything else."""
    text = "".join(params.get(name, "").split()).removesuffix("%").replace(",", ".")
    if not text.isascii() or len(text) > LONGEST_NUMBER or text.count(".") > 1:
        return ""
    if not text.replace(".", "").isdecimal():
        return ""
    return plain(Decimal(text)) if Decimal(text) <= highest else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of the list, for users with the `permission`, if it has one.

    A `costly` one may ask Poster, so no list is counted by it on the way.
    """

    key: str
    label: Words
    permission: str = ""
    costly: bool = False
    choices: Mapping[str, Words] = MappingProxyType({})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters in an address."""
        raise NotImplementedError

    def parse(self, params: Mapping[str, str]) -> dict[str, str]:
        """Return its parameters in their usual form, without those that say nothing."""
        raise NotImplementedError

    def errors(self, typed: Mapping[str, str]) -> dict[str, str]:
        """Return why parameters that were typed into the form are none, by their names."""
        return {}

    def words(self, asked: Mapping[str, str], numbers: NumberFormat) -> str:
        """Return what is asked for in words."""
        raise NotImplementedError

    def test(self, credentials: PosterCredentials, groups: Groups, asked: Mapping[str, str]) -> Test | None:
        """Return the test of a group, or None while that is not known."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCondition(Condition):
    """A number of each group between two bounds, `<key>_from` and `<key>_to`, both of them inclusive.

    `amounts` returns the function that has the number of a group. `written` puts a number into words.
    """

    amounts: FindAmounts
    written: Callable[[NumberFormat, Decimal], str]
    highest: int

    @property
    def names(self) -> tuple[str, str]:
        return f"{self.key}_from", f"{self.key}_to"

    def parse(self, params: Mapping[str, str]) -> dict[str, str]:
        found = ((name, asked_number(params, name, self.highest)) for name in self.names)
        return {name: number for name, number in found if number}

    def errors(self, typed: Mapping[str, str]) -> dict[str, str]:
        highest = NumberFormat.current().number(Decimal(self.highest))
        text = _("Enter a number from 0 to %(highest)s.") % {"highest": highest}
        asked = self.parse(typed)
        return {name: text for name in self.names if typed.get(name, "").strip() and name not in asked}

    def words(self, asked: Mapping[str, str], numbers: NumberFormat) -> str:
        low, high = (
            self.written(numbers, Decimal(asked[name])) if name in asked else "" for name in self.names
        )
        if low == high:
            text = _("%(what)s: %(low)s")
        elif low and high:
            text = _("%(what)s: %(low)s – %(high)s")
        else:
            text = _("%(what)s from %(low)s") if low else _("%(what)s up to %(high)s")
        return text % {"what": self.label, "low": low, "high": high}

    def test(self, credentials: PosterCredentials, groups: Groups, asked: Mapping[str, str]) -> Test | None:
        amount_of = self.amounts(credentials, groups)
        if amount_of is None:
            return None
        low_name, high_name = self.names
        low, high = Decimal(asked.get(low_name, "0")), Decimal(asked.get(high_name, "Infinity"))
        return lambda group: low <= amount_of(group) <= high


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceCondition(Condition):
    """One of the `choices`, labels by their values: `<key>=<value>`."""

    find: FindTest

    @property
    def names(self) -> tuple[str]:
        return (self.key,)

    def parse(self, params: Mapping[str, str]) -> dict[str, str]:
        return {self.key: params[self.key]} if params.get(self.key) in self.choices else {}

    def words(self, asked: Mapping[str, str], numbers: NumberFormat) -> str:
        return str(self.choices[asked[self.key]])

    def test(self, credentials: PosterCredentials, groups: Groups, asked: Mapping[str, str]) -> Test | None:
        return self.find(credentials, groups, asked[self.key])


# --- Those of the core -------------------------------------------------------------------------------------


def _share_of_clients(_credentials: PosterCredentials, groups: Groups) -> Callable[[Group], Decimal]:
    everyone = groups.totals.clients or 1
    return lambda group: Decimal(100 * group.clients) / everyone


def _is_changed(credentials: PosterCredentials, _groups: Groups, days: str) -> Test:
    changed = history.changed_ids(credentials, days=int(days))
    return lambda group: group.id in changed


PERCENT = RangeCondition(
    key="percent",
    label=gettext_lazy("Percent"),
    amounts=lambda _credentials, _groups: lambda group: group.percent,
    written=NumberFormat.percent,
    highest=100,
)
CLIENTS = RangeCondition(
    key="clients",
    label=gettext_lazy("Clients"),
    amounts=lambda _credentials, _groups: lambda group: Decimal(group.clients),
    written=NumberFormat.number,
    highest=10_000_000,
)
SHARE = RangeCondition(
    key="share",
    label=gettext_lazy("Share of all clients"),
    amounts=_share_of_clients,
    written=NumberFormat.percent,
    highest=100,
)
BONUS = ChoiceCondition(
    key="bonus",
    label=gettext_lazy("Birthday bonus"),
    choices={
        "yes": gettext_lazy("with a birthday bonus"),
        "no": gettext_lazy("without a birthday bonus"),
    },
    find=lambda _credentials, _groups, asked: lambda group: bool(group.birthday_bonus) == (asked == "yes"),
)
CHANGED = ChoiceCondition(
    key="changed",
    label=gettext_lazy("Changed here"),
    choices={
        "1": gettext_lazy("changed here in the last 24 hours"),
        "7": gettext_lazy("changed here in the last 7 days"),
        "30": gettext_lazy("changed here in the last 30 days"),
    },
    find=_is_changed,
)

conditions: list[tuple[int, Condition]] = [
    *((-10, each) for each in (PERCENT, CLIENTS, SHARE)),
    *((-5, each) for each in (BONUS, CHANGED)),
]
"""Those of a lower order come first."""


# --- Those of an address -----------------------------------------------------------------------------------


def conditions_of(user: User) -> list[Condition]:
    """Return the conditions that a user may ask for."""
    return [each for _order, each in conditions if not each.permission or user.has_perm(each.permission)]


def parse_conditions(params: Mapping[str, str], user: User | None) -> dict[str, str]:
    """Return the conditions in an address, without those that the user may not ask for."""
    if not params:
        return {}
    known = conditions_of(user) if user else [each for _order, each in conditions]
    return {name: value for each in known for name, value in each.parse(params).items()}


def asked_conditions(asked: Mapping[str, str]) -> list[Condition]:
    """Return the conditions that have a parameter among these."""
    return [each for _order, each in conditions if not asked.keys().isdisjoint(each.names)] if asked else []


def judge(
    asked: Mapping[str, str], credentials: PosterCredentials, groups: Groups
) -> tuple[list[Test], list[str]]:
    """Return the tests that groups have to pass, and the labels of the conditions whose test is not known."""
    found = [(each, each.test(credentials, groups, asked)) for each in asked_conditions(asked)]
    unknown = [str(each.label) for each, test in found if test is None]
    return [test for _each, test in found if test], unknown
