"""Show the form that narrows the list: fields for the bounds and choices of the conditions, and columns."""

from collections.abc import Iterator
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


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The form of one list: its fields, what it sends along, and the columns to choose from."""

    filters: Filters
    user: User

    @property
    def fields(self) -> Iterator[FilterField]:
        """Yield the type and the fields of the conditions that the user may ask for."""
        types = [(str(each.value), type_label(each)) for each in LoyaltyType]
        yield FilterField("type", _("Type"), self.filters.type, types)
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
                yield FilterField(name, str(label), self.filters.conditions.get(name, ""), choices)

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
