"""Let features add columns of amounts to the list of groups, and to the files that have its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.functional import Promise

from groups.models import PosterCredentials
from groups.poster import Group


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
    words: str | Promise
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


def read_amounts(key: str, credentials: PosterCredentials) -> Amounts | None:
    """Return the amounts that a list asks for by a key, or None if it asks for none that the user may see."""
    column_set = column_sets.get(key)
    if column_set is None or not credentials.user.has_perm(column_set.permission):
        return None
    return column_set.read(credentials)


def column_sets_of(user: User) -> list[ColumnSet]:
    """Return the column sets that a user may see."""
    return [column_set for column_set in column_sets.values() if user.has_perm(column_set.permission)]


def amount_labels(key: str) -> dict[str, str]:
    """Return the names of the columns of a set by their keys; none for an unknown set."""
    return column_sets[key].labels() if key in column_sets else {}
