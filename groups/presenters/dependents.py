"""Show the dependents of a group on pages that lead to its removal."""

from functools import cached_property

from groups.models import PosterCredentials
from groups.presenters.messages import Message, error_words
from groups.services import promotions


class DependentsCard:
    """Promotions for a group: Poster is asked only when a page shows them."""

    def __init__(self, credentials: PosterCredentials, group_id: int) -> None:
        self._credentials = credentials
        self._group_id = group_id

    @cached_property
    def found(self) -> promotions.Dependents:
        return promotions.dependents_of(self._credentials, self._group_id)

    @property
    def failure(self) -> Message | None:
        """Message that says why they could not be read."""
        return error_words(self.found.failure) if self.found.failure else None
