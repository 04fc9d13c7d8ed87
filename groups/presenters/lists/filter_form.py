"""Show the form that narrows the list: fields for the bounds and choices of the conditions, and columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from groups.poster import LoyaltyType
from groups.presenters.lists.column_sets import column_sets_of
from groups.presenters.lists.conditions import conditions_of
from groups.presenters.lists.list_filters import COLUMNS, IN_PLACE, Filters
from groups.services.values import type_label


class FilterField(NamedTuple):
    """A field of the form; one with `choices`, labels by their values, is a select."""

    name: str
    label: str
    value: str
    choices: list[tuple[str, str]]
    errors: list[str]

    @property
    def auto_id(self) -> str:
        return f"f-{self.name}"


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The form of one list: its fields, what it sends along, and the columns to choose from.

    `typed` has its parameters as they were sent. An address that is opened has none: a number that
    cannot be read is ignored there.
    """

    filters: Filters
    user: User
    typed: Mapping[str, str] | None = None

    @property
    def errors(self) -> dict[str, str]:
        """Why conditions that were typed are none, by the names of their fields."""
        typed = self.typed or {}
        return {name: text for each in conditions_of(self.user) for name, text in each.errors(typed).items()}

    def __iter__(self) -> Iterator[FilterField]:
        """Yield the type and the fields of the conditions that the user may ask for."""
        values = self.filters.conditions if self.typed is None else self.typed
        errors = self.errors
        types = [(str(each.value), type_label(each)) for each in LoyaltyType]
        yield FilterField("type", _("Type"), self.filters.type, types, [])
        for condition in conditions_of(self.user):
            labels = (
                [condition.label]
                if condition.choices
                else [
                    _("%(what)s, from") % {"what": condition.label},
                    _("%(what)s, to") % {"what": condition.label},
                ]
            )
            choices = [(key, str(label)) for key, label in condition.choices.items()]
            for name, label in zip(condition.names, labels, strict=True):
                wrong = [errors[name]] if name in errors else []
                yield FilterField(name, str(label), values.get(name, ""), choices, wrong)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The parameters of the list that are no fields of the form."""
        return [each for each in self.filters.params.items() if each[0] in ("q", "id", "sort")]

    @property
    def columns(self) -> Iterator[tuple[str, str, bool]]:
        """Yield the columns to choose from, each with its label, and True if it is shown.

        Those in whose place a column set stands come back when it goes.
        """
        shown = {*self.filters.shown_columns, *(IN_PLACE if self.filters.column_set else ())}
        for key, label in COLUMNS.items():
            if key != "name":
                yield key, str(label), key in shown
        for column_set in column_sets_of(self.user):
            yield column_set.key, str(column_set.words), column_set.key == self.filters.column_set
