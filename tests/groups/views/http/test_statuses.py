"""Test the HTTP status of each failure, and of failures that were stored as statuses."""

import pytest

from groups.models import Change
from groups.poster import (
    InvalidResponse,
    InvalidValue,
    NameTaken,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.services.messages import status_of
from groups.views.http import status_of_change

STATUSES = {
    PosterError: 502,
    Unreachable: 504,
    OutcomeUnknown: 504,
    InvalidResponse: 502,
    PosterRefused: 502,
    TokenRejected: 424,
    NotAllowed: 424,
    NotFound: 404,
    InvalidValue: 422,
    NameTaken: 422,
}


@pytest.mark.parametrize("error", STATUSES)
def test_each_error_has_its_status(error):
    made = error(1) if issubclass(error, PosterRefused) else error()
    assert status_of(made) == STATUSES[error]


def test_a_limit_of_ours_is_distinguished_from_a_poster_that_is_away():
    assert status_of(Unreachable("too many are asking", reason="busy", sent=False)) == 503


def test_a_change_whose_failure_is_not_known_is_a_lost_one():
    assert status_of_change(Change()) == 504
    assert status_of_change(Change(failure=Change.Failure.STALE)) == 409


def test_a_group_that_is_gone_is_not_found():
    gone = Change(state="failed", reason=Change.Reason.GONE, failure=Change.Failure.REJECTED)
    assert status_of_change(gone) == 404
