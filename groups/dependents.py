"""Dependents of a group, for the pages that lead to its end."""

from functools import cached_property

from groups.models import Connection
from groups.services import retirement
from groups.words import Words, error_words


class DependentsCard:
    """The promotions that are for a group: Poster is asked where a page shows them, and not before."""

    def __init__(self, connection: Connection, group_id: int) -> None:
        self._connection = connection
        self._group_id = group_id

    @cached_property
    def found(self) -> retirement.Dependents:
        return retirement.dependents_of(self._connection, self._group_id)

    @property
    def failure(self) -> Words | None:
        """Why they could not be read."""
        return error_words(self.found.failure) if self.found.failure else None
