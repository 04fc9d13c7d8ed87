"""Test the tree of errors: its classes, and their messages."""

import secrets

import pytest

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
from groups.poster.errors import MASK, MESSAGE_LIMIT, REFUSALS, refusal
from tests.support.leaks import assert_silent

CODES = {
    TokenRejected: {10, 11, 12},
    NotAllowed: {20, 54, 153, 503, 700},
    NotFound: {32, 404},
    InvalidValue: {34, 36, 37, 42, 155, 168, 169, 185, 400, 701},
    NameTaken: {38, 99},
}


@pytest.mark.parametrize("error", CODES)
def test_each_code_has_its_error(error):
    assert {code for code, known in REFUSALS.items() if known is error} == CODES[error]
    for code in CODES[error]:
        assert type(refusal(code, "", method="clients.getGroups")) is error


@pytest.mark.parametrize("code", [None, 0, 1, 44, 999])
def test_another_code_is_a_plain_refusal(code):
    error = refusal(code, "Хтозна", method="clients.getGroups")
    assert type(error) is PosterRefused
    assert error.code == code


def test_a_failing_save_is_no_refusal():
    """Poster answers 44 when it could not save: the write may have been applied or not."""
    assert 44 not in REFUSALS


@pytest.mark.parametrize("error", [OutcomeUnknown, PosterRefused, NameTaken])
def test_the_words_of_poster_are_masked_before_they_are_cut(error):
    token = secrets.token_hex(16)
    words = "x" * (MESSAGE_LIMIT - 16) + f" {token} {token}"
    made = error(code=1, message=words)
    assert made.message == f"{'x' * (MESSAGE_LIMIT - 16)} {MASK} {MASK}"[:MESSAGE_LIMIT]
    assert_silent(made)


@pytest.mark.parametrize("error", [PosterError, Unreachable, OutcomeUnknown, InvalidResponse])
def test_details_are_masked(error):
    made = error(f"no route to /?token={secrets.token_hex(16)}", method="clients.getGroups", reason="refused")
    assert str(made) == f"clients.getGroups: refused: no route to /?token={MASK}"
    assert_silent(made)


def test_an_error_says_its_method_reason_and_code():
    assert str(NameTaken(38, "Занято", method="clients.createGroup")) == (
        "clients.createGroup: refused: code 38: Занято"
    )
    assert str(Unreachable("no answer", reason="timeout")) == "Poster: timeout: no answer"
    assert str(PosterError()) == "Poster: PosterError: "
