"""Conditions that narrow the list of groups, and columns of amounts that it shows; features add theirs.

Both look up what they need only for a list that asks for them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.models import PosterCredentials
from groups.poster import Group
from groups.poster.fields import plain
from groups.services.groups import Groups
from groups.services.journal import history
from groups.services.values import NumberFormat

type Test = Callable[[Group], bool]
type Words = str | Promise
type FindAmounts = Callable[[PosterCredentials, Groups], Callable[[Group], Decimal] | None]
type Written = Callable[[NumberFormat, Decimal], str]
type FindTest = Callable[[PosterCredentials, Groups, str], Test | None]


def number_param(params: Mapping[str, str], name: str, highest: int) -> str:
    """Return a number of the address in plain digits; an empty string for anything else."""
    text = "".join(params.get(name, "").split()).removesuffix("%").replace(",", ".")
    is_number = re.fullmatch(r"[0-9.]{1,12}", text) and text != "." and text.count(".") <= 1
    return plain(Decimal(text)) if is_number and Decimal(text) <= highest else ""


class Bound(forms.Field):
    """A field for the lower or the upper bound of a number, which stays text in plain digits."""

    def __init__(self, highest: int, *, is_lower: bool, **about: Any) -> None:
        super().__init__(required=False, **about)
        self.highest, self.is_lower = highest, is_lower

    def clean(self, value: str | None) -> str:
        number = number_param({"": value or ""}, "", self.highest)
        if not number and value and value.strip():
            highest = NumberFormat.current().number(Decimal(self.highest))
            raise ValidationError(_("Enter a number from 0 to %(highest)s.") % {"highest": highest})
        return number


class Choice(forms.Field):
    """A field for one of `choices`, labels by their values; an unknown value is none, and no error."""

    def __init__(self, choices: Mapping[str, Words], **about: Any) -> None:
        super().__init__(required=False, **about)
        self.choices = choices

    def clean(self, value: str | None) -> str:
        return value if value and value in self.choices else ""


class Condition:
    """A condition of the list, for users with the `permission`, if it has one.

    A `costly` one may ask Poster, so no list is counted by it on the way. `fields` are those of the form of
    the list, by the names of its parameters; `params` has those parameters that an address gives a value.
    `test` returns None while what it compares is not known.
    """

    fields: Mapping[str, forms.Field]
    words: Callable[[Mapping[str, str], NumberFormat], str]
    test: Callable[[PosterCredentials, Groups, Mapping[str, str]], Test | None]

    def __init__(self, *, key: str, label: Words, permission: str = "", costly: bool = False) -> None:
        self.key, self.label, self.permission, self.costly = key, label, permission, costly


class RangeCondition(Condition):
    """A number of each group between two bounds, `<key>_from` and `<key>_to`, both of them inclusive.

    `amounts` returns the function that has the number of a group. `written` puts a number into words.
    """

    def __init__(self, *, amounts: FindAmounts, written: Written, highest: int, **about: Any) -> None:
        super().__init__(**about)
        self.amounts, self.written = amounts, written
        self.low, self.high = f"{self.key}_from", f"{self.key}_to"
        self.fields = {
            name: Bound(highest, is_lower=name == self.low, label=self.label)
            for name in (self.low, self.high)
        }

    def words(self, params: Mapping[str, str], numbers: NumberFormat) -> str:
        low, high = (
            self.written(numbers, Decimal(params[name])) if name in params else "" for name in self.fields
        )
        if low == high:
            text = _("%(what)s: %(low)s")
        elif low and high:
            text = _("%(what)s: %(low)s – %(high)s")
        else:
            text = _("%(what)s from %(low)s") if low else _("%(what)s up to %(high)s")
        return text % {"what": self.label, "low": low, "high": high}

    def test(self, credentials: PosterCredentials, groups: Groups, params: Mapping[str, str]) -> Test | None:
        amount_of = self.amounts(credentials, groups)
        if amount_of is None:
            return None
        low, high = Decimal(params.get(self.low, "0")), Decimal(params.get(self.high, "Infinity"))
        return lambda group: low <= amount_of(group) <= high


class ChoiceCondition(Condition):
    """One of the `choices`, labels by their values: `<key>=<value>`."""

    def __init__(self, *, choices: Mapping[str, Words], find: FindTest, **about: Any) -> None:
        super().__init__(**about)
        self.choices, self.find = choices, find
        self.fields = {self.key: Choice(choices, label=self.label)}

    def words(self, params: Mapping[str, str], numbers: NumberFormat) -> str:
        return str(self.choices[params[self.key]])

    def test(self, credentials: PosterCredentials, groups: Groups, params: Mapping[str, str]) -> Test | None:
        return self.find(credentials, groups, params[self.key])


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
    choices={"yes": gettext_lazy("with a birthday bonus"), "no": gettext_lazy("without a birthday bonus")},
    find=lambda _credentials, _groups, value: lambda group: bool(group.birthday_bonus) == (value == "yes"),
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


# --- Columns of amounts ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColumnSet:
    """Columns of amounts in hryvnia, which a list shows in place of birthday bonus and clients if asked to.

    `key` asks for them in the address of the list (`?columns=<key>`); it is also the id of the element that
    `template` draws above the table, and the name of the fragment in it. `labels` returns the names of the
    columns by their keys, which the list is sorted by. `words` say of a list that it has them. `read` is
    called only for a list that asks for them, and only for users with the `permission`.
    """

    key: str
    permission: str
    labels: Callable[[], dict[str, str]]
    words: Words
    template: str
    read: Callable[[PosterCredentials], "Amounts"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of one list. `about` tells the template what they are, or why they are not known.

    `of_group` returns the amounts of a group in the order of the labels, None for one that the group has not.
    It is None itself while nothing is known; then the list keeps its usual columns.
    """

    column_set: ColumnSet
    about: Any
    of_group: Callable[[Group], Sequence[Decimal | None]] | None = None

    def sort_key(self, column: str) -> Callable[[Group], Decimal] | None:
        """Return the key that sorts by a column, or None; a group without an amount counts as 0."""
        amounts_of, columns = self.of_group, list(self.column_set.labels())
        if amounts_of is None or column not in columns:
            return None
        place = columns.index(column)
        return lambda group: amounts_of(group)[place] or Decimal(0)


column_sets: dict[str, ColumnSet] = {}
"""Column sets by their keys."""
