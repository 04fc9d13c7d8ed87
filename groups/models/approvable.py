"""Define what can be asked for: a row that starts nothing until another user has said yes to it.

A feature whose rows a gate can hold back registers a class for them. The feature of the gate, which keeps
what was asked for and lets others decide on it, knows only this class.
"""

import uuid
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from django.contrib.auth.models import User
from django.db.models import Model
from django.utils.functional import Promise

from groups.models.contents import Effect
from groups.models.credentials import PosterCredentials


class Approvable(ABC):
    """One row, with what a decision on it needs.

    The row has the id of its form, `account_id`, `group_id`, `group_name`, a `submission`, a `state`, and a
    page that shows what has become of it.
    """

    # The name of the kind: at most eight letters, kept for good.
    kind: ClassVar[str]
    # The kind in two words, as "a planned change".
    label: ClassVar[str | Promise]
    model: ClassVar[type[Model]]

    def __init__(self, row: Any) -> None:
        self.row = row

    @classmethod
    def find(cls, operation: uuid.UUID) -> Self:
        return cls(cls.model._default_manager.get(pk=operation))

    @property
    def title(self) -> str:
        return str(self.row.group_name)

    def words_onto(self, now: Effect | None) -> str:
        """Return what it would do now, in sentences; empty if the page shows it in another way.

        `now` is None where that was not read: then it is what was asked for.
        """
        return ""

    @abstractmethod
    def may_be_started_by(self, user: User) -> bool:
        """Return True if a user has the right to what it does."""

    @abstractmethod
    def effect(self, credentials: PosterCredentials) -> Effect:
        """Return what it would do now. Raises `PosterError`."""

    @abstractmethod
    def let_wait(self, request_id: uuid.UUID) -> None:
        """Save it as one that waits for the decision on a request, in the transaction that records that.

        Raises `IntegrityError` if the same form was sent before, and `NotNow`.
        """

    @abstractmethod
    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        """Start it with the rights and the token of this user, in the transaction that stores the yes.

        It is applied to its groups as they are `now`, and may reach as many clients as that. `consent` has
        further columns of it. Returns False if all is so already: then it is over, and nothing is sent.
        Raises what is to roll the yes back, as `Locked`, `NotNow` and `PermissionDenied`.
        """


approvable_kinds: dict[str, type[Approvable]] = {}
"""The kinds of rows that can be asked for, by their names."""


def register[A: Approvable](kind: type[A]) -> type[A]:
    """Let rows of this kind be asked for where a gate holds them back."""
    approvable_kinds[kind.kind] = kind
    return kind


def approvable_of(row: Model) -> Approvable:
    """Raises `LookupError` if the kind of the row is not registered."""
    for kind in approvable_kinds.values():
        if isinstance(row, kind.model):
            return kind(row)
    raise LookupError(type(row).__name__)
