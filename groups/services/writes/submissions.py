"""Find what a form has become: a change, a job, or a row of a feature. The same form sent twice is one.

Each kind of row registers its rows here, and tells in `submission` which form it came of.
"""

import uuid
from typing import Any, Protocol, cast

from django.db.models import QuerySet

from groups.models import Change
from groups.models.submissions import Submission
from groups.services.writes.not_sent import NotSent, OperationReused


class Submitted(Protocol):
    """A row that came of a form; once it `is_over`, the next try of the same is another operation."""

    @property
    def submission(self) -> Submission: ...

    @property
    def is_over(self) -> bool: ...

    def get_absolute_url(self) -> str: ...


class BecameOther(NotSent):
    """The same form has become a row of another kind, as a request for an approval; `row` is that one."""

    def __init__(self, row: Submitted) -> None:
        super().__init__()
        self.row = row


_registered: list[tuple[int, QuerySet[Any]]] = []


def register(rows: QuerySet[Any], order: int = 0) -> None:
    """Find these rows by the operations of forms too.

    Where several rows have one operation, that of the lowest order tells which form was sent, and that of the
    highest what has become of it.
    """
    _registered.append((order, rows))
    _registered.sort(key=lambda each: each[0])


register(Change.objects.all())


def find_by_operation(operation: uuid.UUID | str) -> Submitted | None:
    """Return what has become of a form with this operation, whatever it asked for, or None."""
    return next(iter(_find_all(operation)[::-1]), None)


def find_same(submission: Submission) -> Submitted | None:
    """Return what has become of the same form; None if it was not sent before, or was another one."""
    known = _find_all(submission.operation)
    return known[-1] if known and known[0].submission == submission else None


def find_known[R: Submitted](submission: Submission, kind: type[R]) -> R | None:
    """Return the row of this kind that the same form has become, or None if it was not sent before.

    Raises `OperationReused` if it came with other values or from another user, and `BecameOther`.
    """
    known = _find_all(submission.operation)
    if not known:
        return None
    if known[0].submission != submission:
        raise OperationReused
    row = known[-1]
    if not isinstance(row, kind):
        raise BecameOther(row)
    return row


def _find_all(operation: uuid.UUID | str) -> list[Submitted]:
    try:
        key = uuid.UUID(str(operation))
    except ValueError:
        return []
    found = (rows.filter(pk=key).first() for _order, rows in _registered)
    return [cast("Submitted", row) for row in found if row is not None]
