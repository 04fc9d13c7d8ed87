"""Test parsing the bytes of an answer into Poster's response or an error, without a network."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster import (
    Group,
    GroupList,
    InvalidResponse,
    NotAllowed,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    TokenRejected,
    Unreachable,
)
from groups.poster.client import _write_error
from groups.poster.errors import REFUSALS
from groups.poster.fields import MAX_ID
from groups.poster.parsing import parse_response, written_id
from groups.poster.transport import Answer, TransportFailure
from tests.support.values import ROW, SCALARS

METHOD = "clients.updateGroup"
ENVELOPES = {
    "an object with a number": lambda code, words: {"error": {"code": code, "message": words}},
    "an object with a text": lambda code, words: {"error": {"code": str(code), "message": words}},
    "a number": lambda code, words: {"error": code, "message": words},
    "a number with a field": lambda code, words: {"error": code, "message": words, "field": "name"},
    "a number as a text": lambda code, words: {"error": str(code), "message": words},
    "the newer kind": lambda code, words: {"code": code, "error_type": "Oops", "error_message": words},
    "a code in the response": lambda code, words: {"response": {"err_code": code, "message": words}},
}
SAVING_FAILED = 44
UNKNOWN_CODES = (1, 2, 13, 30, SAVING_FAILED, 100, 429, 500, 999, 123_456_789)


def answered(content, status=200, **options):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_response(Answer(status, body, **options), METHOD)


# --- Errors of Poster's ------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
@pytest.mark.parametrize("status", [200, 400, 405, 500])
def test_a_known_code_has_its_class_in_each_envelope_and_status(envelope, status):
    for code, kind in REFUSALS.items():
        error = answered(envelope(code, "Ні"), status)
        assert type(error) is kind
        assert (error.code, error.message, error.method) == (code, "Ні", METHOD)
        assert _write_error(error) is error


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
def test_any_other_code_is_a_plain_refusal_of_a_read_and_leaves_a_write_unknown(envelope):
    for code in UNKNOWN_CODES:
        error = answered(envelope(code, "Хтозна"))
        assert type(error) is PosterRefused
        assert (error.code, error.message) == (code, "Хтозна")
        unknown = _write_error(error)
        assert type(unknown) is OutcomeUnknown
        assert (unknown.code, unknown.message) == (code, "Хтозна")
        assert unknown.sent
        assert not unknown.retryable


@pytest.mark.parametrize(
    "content",
    [
        {"error": ""},
        {"error": []},
        {"error": {"code": None}},
        {"error": {"code": "E_DENIED", "message": "Denied"}},
        {"error": {"code": True}},
        {"error": {"code": 0}},
        {"error": "boom", "response": 6},
        {"error_message": "boom"},
        {"code": "boom", "error_type": "Oops"},
        {"response": {"err_code": "boom"}},
    ],
    ids=repr,
)
def test_an_error_without_a_code_is_still_an_error(content):
    error = answered(content)
    assert type(error) is PosterRefused
    assert not error.code
    assert type(_write_error(error)) is OutcomeUnknown


@pytest.mark.parametrize("none", [None, 0, "0", {"code": 0}, {"code": "0", "message": ""}], ids=repr)
def test_an_error_of_nothing_beside_the_response_is_none(none):
    assert answered({"error": none, "response": [1]}) == [1]


@pytest.mark.parametrize("none", [None, 0, "0"], ids=repr)
def test_an_error_of_nothing_alone_is_no_answer(none):
    error = answered({"error": none})
    assert type(error) is InvalidResponse
    assert error.reason == "shape"


def test_an_error_rules_over_a_response_beside_it():
    assert type(answered({"response": 6, "error": 11})) is TokenRejected


def test_a_field_called_error_inside_of_the_response_is_no_error():
    row = {"client_groups_name": "error", "error": 11}
    assert answered({"response": [row]}) == [row]


@pytest.mark.parametrize("escaped", ["\\ud83d", "\\u0000", "a\\udc00b"])
def test_words_that_no_page_and_no_database_could_hold_are_made_harmless(escaped):
    error = answered(b'{"error":{"code":42,"message":"%b"}}' % escaped.encode())
    for text in (error.message, str(error)):
        text.encode()
        assert "\0" not in text


# --- Answers that do not come from Poster ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "reason", "retryable"),
    [
        (204, InvalidResponse, "http_204", False),
        (307, InvalidResponse, "moved", False),
        (404, InvalidResponse, "http_404", False),
        (429, InvalidResponse, "busy", True),
        (500, InvalidResponse, "http_500", True),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"response":6}'])
def test_a_status_without_an_envelope_counts_whatever_the_body_says(body, status, kind, reason, retryable):
    error = answered(body, status)
    assert type(error) is kind
    assert (error.reason, error.retryable) == (reason, retryable)
    assert type(_write_error(error)) is OutcomeUnknown


@pytest.mark.parametrize(("status", "kind"), [(401, TokenRejected), (403, NotAllowed)])
def test_a_bare_401_or_403_speaks_of_the_token_and_leaves_a_write_unknown(status, kind):
    error = answered(b"<html>", status)
    assert type(error) is kind
    assert error.code is None
    assert type(_write_error(error)) is OutcomeUnknown


@pytest.mark.parametrize(
    ("pause", "retryable"), [(None, True), (0, True), (2, True), (3, False), (3600, False)]
)
def test_only_a_short_pause_is_worth_waiting_for(pause, retryable):
    error = answered(b"", 429, retry_after=pause)
    assert (error.retryable, error.retry_after) == (retryable, pause)


@pytest.mark.parametrize(
    ("body", "reason", "retryable"),
    [
        (b"", "not_json", True),
        (b"Notice: x\n{}", "not_json", True),
        (b'{"response":1}{', "not_json", True),
        (b'{"response":NaN}', "not_json", True),
        (b'{"response":1e999}', "not_json", True),
        (b'{"response":' + b"1" * 5000 + b"}", "not_json", True),
        (b'{"response":[],"response":false}', "not_json", True),
        (b'{"response":[{"a":1,"a":2}]}', "not_json", True),
        (b'{"response":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_json", True),
        ('{"response":"кава"}'.encode("cp1251"), "not_json", True),
        ('{"response":"кава"}'.encode("utf-16"), "not_json", True),
        (b"null", "shape", False),
        (b"{}", "shape", False),
        (b'{"Response":[]}', "shape", False),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_no_answer(body, reason, retryable):
    error = answered(body)
    assert type(error) is InvalidResponse
    assert (error.reason, error.retryable) == (reason, retryable)
    assert type(_write_error(error)) is OutcomeUnknown


def test_a_byte_order_mark_is_nothing():
    assert answered(b'\xef\xbb\xbf{"response":[]}') == []


@pytest.mark.parametrize(("sent", "retryable"), [(False, True), (False, False), (True, True)])
def test_no_answer_at_all(sent, retryable):
    error = parse_response(TransportFailure("timeout", sent=sent, retryable=retryable), METHOD)
    assert type(error) is Unreachable
    assert (error.reason, error.sent, error.retryable) == ("timeout", sent, retryable)
    assert type(_write_error(error)) is (OutcomeUnknown if sent else Unreachable)


def test_a_body_above_the_limit_is_a_bad_answer():
    error = parse_response(TransportFailure("too_large", sent=True, retryable=False), METHOD)
    assert (type(error), error.reason, error.retryable) == (InvalidResponse, "too_large", False)
    assert type(_write_error(error)) is OutcomeUnknown


# --- The id in the answer of a write -----------------------------------------------------------------------


@pytest.mark.parametrize("response", [6, "6", MAX_ID, str(MAX_ID)], ids=repr)
def test_a_write_is_answered_by_an_id(response):
    assert written_id(response, METHOD) == int(response)


NUMBERS = (0, -1, 6.0, 6.5, MAX_ID + 1, 10**400)
TEXTS = ("", "0", "-6", "6.0", " 6", "٦", "²", "6e3", "1" * 5000)


@pytest.mark.parametrize(
    "response",
    [*NUMBERS, *TEXTS, True, False, None, [], [6], {"id": 6}],
    ids=lambda value: repr(value)[:12],
)
def test_nothing_else_is_an_id(response):
    with pytest.raises(OutcomeUnknown) as caught:
        written_id(response, METHOD)
    assert caught.value.reason == "shape"


ENVELOPE = ("response", "error", "code", "message", "error_type", "error_message", "err_code")


KEYS = st.sampled_from([*ENVELOPE, *ROW])


JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=8)
        | st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, inner)).map(lambda odd: ROW | odd)
    ),
    max_leaves=20,
)


def read(response):
    """Read a response as the client does for its five methods."""
    found = GroupList.from_wire(response if isinstance(response, list) else [response])
    for group in found.groups:
        assert group.values.to_wire()
        assert Group.from_json(group.to_json())
    for row in found.unreadable:
        str(row).encode()
    try:
        assert 0 < written_id(response, METHOD) <= MAX_ID
    except OutcomeUnknown as error:
        str(error).encode()


@given(content=JSON | st.fixed_dictionaries({"response": JSON}), status=st.sampled_from([200, 200, 404, 500]))
def test_any_json_at_all_is_read_or_is_an_error_of_ours(content, status):
    result = answered(content, status)
    if isinstance(result, PosterError):
        f"{result} {getattr(result, 'message', '')}".encode()
        assert isinstance(_write_error(result), PosterError)
    else:
        read(result)


# --- Anything ----------------------------------------------------------------------------------------------


@given(body=st.binary() | st.text().map(str.encode))
def test_any_bytes_at_all_are_read_or_are_an_error_of_ours(body):
    result = answered(body)
    assert isinstance(result, PosterError) or json.loads(body.decode("utf-8-sig"))["response"] == result
