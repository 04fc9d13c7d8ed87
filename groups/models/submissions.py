"""Define forms as they were sent, the consent to a write beyond the limits, and rows that wait for one."""

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.functional import Promise

from groups.models.contents import Effect
from groups.models.credentials import PosterCredentials

LONGEST_REASON = 200


class MadeByUser(models.Model):
    """A row that a user made; of one who was deleted the name is left."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(max_length=150)

    class Meta:
        abstract = True


class Consent(models.Model):
    """The columns that say why a write may go beyond the limits: a request, or the reason of its own user.

    `request_id` is the id of the approved request, without a foreign key, so that the core knows no feature;
    `requested_by` is the name of its user. `limit_reason` was typed by a user with the right to exceed the
    limits. `allowed_clients` is the number of clients that was shown then, None where none was: more of them
    need another yes.
    """

    request_id = models.UUIDField(null=True, db_index=True)
    requested_by = models.CharField(max_length=150, blank=True, default="")
    limit_reason = models.CharField(max_length=LONGEST_REASON, blank=True, default="")
    allowed_clients = models.PositiveIntegerField(null=True)

    class Meta:
        abstract = True

    @property
    def is_given(self) -> bool:
        return self.request_id is not None or bool(self.limit_reason)


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that was sent; `operation` is the primary key of each row that came of it.

    `user_id` is None if the form of another user is the same one. `values` are compared only.
    """

    operation: uuid.UUID
    account_id: str
    user_id: int | None
    kind: str
    values: tuple[Any, ...] = ()


# --- Rows that wait for the yes of another user -------------------------------------------------------------


class Approvable(ABC):
    """A row that starts nothing until another user has said yes to it, with what a decision on it needs.

    A feature whose rows a gate can hold back registers a class for them. The row has the id of its form,
    `account_id`, `group_id`, `group_name`, a `submission`, a `state`, and a page that shows what has become
    of it.
    """

    # The name of the kind: at most eight letters, kept for good.
    kind: ClassVar[str]
    # The kind in two words, as "a planned change".
    label: ClassVar[str | Promise]
    model: ClassVar[type[models.Model]]

    def __init__(self, row: Any) -> None:
        self.row = row

    @classmethod
    def find(cls, operation: uuid.UUID) -> Self:
        return cls(cls.model._default_manager.get(pk=operation))

    @property
    def title(self) -> str:
        return str(self.row.group_name)

    def words_onto(self, now: Effect | None) -> str:
        """Return sentences on its effect `now`, or as requested without it; "" if its page shows it."""
        return ""

    @abstractmethod
    def may_be_started_by(self, user: User) -> bool: ...

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

        It is applied to its groups as they are `now`, and may reach as many clients as that. Returns False if
        all is so already, and nothing is sent. Raises what is to roll the yes back, as `Locked`, `NotNow` and
        `PermissionDenied`.
        """


approvable_kinds: dict[str, type[Approvable]] = {}
"""The kinds of rows that can be requested, by their names."""


def approvable[A: Approvable](kind: type[A]) -> type[A]:
    approvable_kinds[kind.kind] = kind
    return kind


def approvable_of(row: models.Model) -> Approvable:
    """Raises `LookupError` if the kind of the row is not registered."""
    for kind in approvable_kinds.values():
        if isinstance(row, kind.model):
            return kind(row)
    raise LookupError(type(row).__name__)
