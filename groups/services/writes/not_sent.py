"""Errors that keep a write from being sent: after each of them nothing was sent.

A feature adds its own: `Held` for what its gate holds back, `NotSent` for anything else. A view lets
`groups.views.writes.answer_not_sent` show it; of many writes it takes the messages.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from groups.models import Holder, Lock
from groups.models.submissions import Submission
from groups.poster import PosterError
from groups.services.messages import Message, because_of, holder_notice, status_of
from poster_admin.common.outages import Outage


class Submitted(Protocol):
    """A row that came of a form; once it `is_over`, the next try of the same is another operation."""

    @property
    def submission(self) -> Submission: ...
    @property
    def is_over(self) -> bool: ...

    def get_absolute_url(self) -> str: ...


class NotSent(Exception):
    status = 409

    def message(self) -> Message:
        return Message(_("Nothing was changed"), "")

    def shown(self) -> dict[str, Any]:
        """Return the variables by which the page of a form shows it."""
        return {"outcome": self.message()}

    def go_on(self, write: Any, user: User) -> Submitted | None:
        """Return the page of what a command, a job or a row has become instead. Raises `NotSent`."""
        return None


class Locked(NotSent):
    """Another change, a job or a row of a feature, the `holder`, holds a lock that the write needs."""

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self.holder = holder

    def message(self) -> Message:
        return holder_notice(self.holder)

    def shown(self) -> dict[str, Any]:
        return {"holder": self.message()}


class Held(NotSent):
    """A gate holds the write back until a person decides."""


class OperationReused(NotSent):
    def message(self) -> Message:
        return Message(
            _("This form was sent before"),
            _("Nothing was sent."),
            _(
                "The same form was sent once already, with other values. "
                "Open the group and look at what it has now."
            ),
        )

    def shown(self) -> dict[str, Any]:
        return {"outcome": self.message(), "reused": True}


class BecameOther(NotSent):
    """The same form has become a row of another kind, as a request for an approval; `row` is that one."""

    def __init__(self, row: Submitted) -> None:
        super().__init__()
        self.row = row

    def go_on(self, write: Any, user: User) -> Submitted:
        return self.row


class NotRecorded(NotSent):
    status = 503

    def message(self) -> Message:
        return Message(
            _("The change was not made"),
            _("It could not be written into the history, so nothing was sent to Poster."),
            _("Tell the administrator of this server, and try again later."),
        )


class NotRecordedNow(NotRecorded, Outage):
    """The dashboard's database or its disk is away; a job waits and tries again."""


class NotCounted(NotSent):
    def __init__(self, error: PosterError) -> None:
        super().__init__()
        self.error, self.status = error, status_of(error)

    def message(self) -> Message:
        text = _("The clients that it would reach could not be counted.")
        return because_of(self.error, _("Nothing was changed"), text)


class BonusBlocked(NotSent):
    status = 422

    def message(self) -> Message:
        text = _(
            "Birthday bonuses of this account came back multiplied or divided by 100. "
            "An owner has to set their unit on the account page first."
        )
        return Message(_("Birthday bonuses are stopped"), text)

    def shown(self) -> dict[str, Any]:
        return {"blocked": self.message().text}


class NotNow(Exception):
    """The action no longer fits the state of the change, the job, or the row of a feature."""


class TakesLocks(Submitted, Protocol):
    """A job or a row of a feature, which takes its locks as it is saved or some time after."""

    @property
    def pk(self) -> uuid.UUID: ...
    @property
    def account_id(self) -> str: ...
    @property
    def lock_keys(self) -> frozenset[str]: ...

    def save(self, *, force_insert: bool) -> None: ...
    def take_locks(self) -> None: ...
    def refresh_from_db(self) -> None: ...


@contextmanager
def taking_locks(row: TakesLocks) -> Iterator[None]:
    """Raises `Locked` if something else has one of the locks, and `NotNow` if it had a moment ago."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        row.refresh_from_db()
        raise_if_locked(row.account_id, row.lock_keys, of=[row.pk])
        raise NotNow from None


def raise_if_locked(account_id: str, keys: Collection[str], *, of: Iterable[uuid.UUID | None] = ()) -> None:
    """Ignore the locks of the holders with the ids in `of`."""
    if lock := Lock.objects.in_the_way(account_id, keys, of=of):
        raise Locked(lock.holder)
