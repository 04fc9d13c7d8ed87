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
    """Find these rows by the operations of forms too; where several rows have one, the lowest order wins."""
    _registered.append((order, rows))
    _registered.sort(key=lambda each: each[0])


register(Change.objects.all())


def find(operation: uuid.UUID | str) -> Submitted | None:
    """Return the row that came of a form with this operation, whatever it asked for, or None."""
    try:
        key = uuid.UUID(str(operation))
    except ValueError:
        return None
    found = (rows.filter(pk=key).first() for _order, rows in _registered)
    return cast("Submitted | None", next((row for row in found if row is not None), None))


def find_known[R: Submitted](submission: Submission, kind: type[R]) -> R | None:
    """Return the row of this kind that the same form has become, or None if it was not sent before.

    Raises `OperationReused` if it came with other values or from another user, and `BecameOther`.
    """
    known = find(submission.operation)
    if known is None:
        return None
    if known.submission != submission:
        raise OperationReused
    if not isinstance(known, kind):
        raise BecameOther(known)
    return known
