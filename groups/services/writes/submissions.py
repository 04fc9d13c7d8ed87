"""Find what a form that was sent has become, and say why nothing was sent.

A form becomes a change, a job, or a row of a feature; the same form sent twice is one. After each `NotSent`
nothing was sent. A feature adds its own: `WriteHeld` for what its gate holds back, `NotSent` for the rest.
A view lets `groups.views.writes.answer_not_sent` show it; of many writes it takes the messages.
"""

import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from groups.models import Change, Holder, Lock
from groups.models.submissions import Submission
from groups.poster import PosterError
from groups.services.messages import Message, because_of, holder_notice, status_of
from poster_admin.common.outages import Outage

log = logging.getLogger("groups.journal")

# Attempts to insert a row: a conflicting lock may be released before its owner is found.
TRIES_TO_RECORD = 3


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


class WriteHeld(NotSent):
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


# --- What a form has become ---------------------------------------------------------------------------------


_registered: list[tuple[int, QuerySet[Any]]] = []


def register(rows: QuerySet[Any], order: int = 0) -> None:
    """Find these rows by the operations of forms too.

    Of several rows that of the lowest order shows which form was sent, that of the highest what has become of
    it.
    """
    _registered.append((order, rows))
    _registered.sort(key=lambda each: each[0])


register(Change.objects.all())


def find_by_operation(operation: uuid.UUID | str) -> Submitted | None:
    return next(iter(_find_all(operation)[::-1]), None)


def find_same(submission: Submission) -> Submitted | None:
    """Return the row that the same form has become; None if it was not sent before, or was another one."""
    known = _find_all(submission.operation)
    return known[-1] if known and known[0].submission == submission else None


def find_known[R: Submitted](submission: Submission, kind: type[R], *, of_job: bool = False) -> R | None:
    """Return the row of this kind that the same form has become.

    `of_job` is True for a try of a job, whose operation no row of another kind has. Raises `OperationReused`
    for other values or another user, and `BecameOther`.
    """
    known = _find_all(submission.operation, kind if of_job else None)
    if not known:
        return None
    if known[0].submission != submission:
        raise OperationReused
    row = known[-1]
    if not isinstance(row, kind):
        raise BecameOther(row)
    return row


def record_once[R: TakesLocks](row: R, pass_gates: Callable[[], object]) -> R:
    """Save a row with its locks, or return the one that the same form has become.

    The row passes its gates before each attempt. Raises what these and `find_known` raise, `Locked`, and
    `NotRecorded` if the database refuses the row.
    """
    problem: IntegrityError | None = None
    for _try in range(TRIES_TO_RECORD):
        if (known := find_known(row.submission, type(row))) is not None:
            return known
        pass_gates()
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                row.take_locks()
        except IntegrityError as error:
            problem = error
            raise_if_locked(row.account_id, row.lock_keys, of=[row.pk])
        else:
            return row
    log.error("A %s cannot be recorded", type(row).__name__.lower(), exc_info=problem)
    raise NotRecorded from problem


def _find_all(operation: uuid.UUID | str, kind: type[Submitted] | None = None) -> list[Submitted]:
    try:
        key = uuid.UUID(str(operation))
    except ValueError:
        return []
    found = (rows.filter(pk=key).first() for _order, rows in _registered if kind in (None, rows.model))
    return [cast("Submitted", row) for row in found if row is not None]
