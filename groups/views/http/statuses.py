"""Decide the HTTP status of each failure. No other layer knows one."""

from typing import assert_never

from groups.models import Change
from groups.poster import InvalidValue, NotAllowed, PosterError, TokenRejected
from groups.poster.errors import REFUSALS
from groups.services.writes.outcome import failure_of

Failure = Change.Failure
LOST = 504
"""Status of a write whose outcome is not known, or of which nothing was heard."""


def status_of(error: PosterError) -> int:
    """Return the status of a page that reports an error of Poster."""
    return status_of_failure(failure_of(error))


def status_of_change(change: Change) -> int:
    """Return the status of a page that reports a change that was not made."""
    if change.state == Change.State.REFUSED:
        return status_of_refusal(change)
    if change.reason == Change.Reason.GONE:
        return status_of_failure(Failure.NOT_FOUND)
    return status_of_failure(Failure(change.failure)) if change.failure else LOST


def status_of_refusal(change: Change) -> int:
    """Return the status of a page that reports the code with which Poster refused a change."""
    error = REFUSALS.get(change.code or 0, InvalidValue)
    no_access = issubclass(error, TokenRejected | NotAllowed)
    return status_of_failure(Failure.NO_ACCESS if no_access else Failure.REJECTED)


def status_of_failure(failure: Change.Failure) -> int:
    """Return the status of a kind of failure."""
    match failure:
        case Failure.NOT_FOUND:
            return 404
        case Failure.BEHIND:
            return 409
        case Failure.REJECTED:
            return 422
        case Failure.NO_ACCESS:
            return 424
        case Failure.UNCLEAR:
            return 502
        case Failure.BUSY:
            return 503
        case Failure.UNREACHABLE:
            return 504
        case _ as never:
            assert_never(never)
