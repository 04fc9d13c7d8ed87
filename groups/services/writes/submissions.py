"""Find the row that a form has become: a change, a job, one of a feature. The same form sent twice is one."""

import logging
import uuid
from collections.abc import Callable
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from groups.models import Change
from groups.models.submissions import Submission
from groups.services.writes.not_sent import (
    BecameOther,
    NotRecorded,
    OperationReused,
    Submitted,
    TakesLocks,
    raise_if_locked,
)

log = logging.getLogger("groups.journal")

# Attempts to insert a row: a conflicting lock may be released before its owner is found.
TRIES_TO_RECORD = 3


_registered: list[tuple[int, QuerySet[Any]]] = []


def register(rows: QuerySet[Any], order: int = 0) -> None:
    """Find these rows by the operations of forms too.

    Of several rows that of the lowest order tells which form was sent, that of the highest what has become of
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
    for _ in range(TRIES_TO_RECORD):
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
