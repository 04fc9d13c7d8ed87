"""Faults inside the JSON: envelopes and rows."""

import json

import pytest

from tests.support.wire import raw, response, split

# --- Envelopes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        ("error_object", {}, {"error": {"code": 11, "message": "Bad access token"}}),
        ("error_object", {"code": 44, "message": "no"}, {"error": {"code": 44, "message": "no"}}),
        ("error_object_text", {"code": 12}, {"error": {"code": "12", "message": "Access token has expired"}}),
        ("error_number", {"code": 20}, {"error": 20, "message": "The token has no right to this method"}),
        ("error_number_text", {}, {"error": "11", "message": "Bad access token"}),
        (
            "error_number_field",
            {"message": "no"},
            {"error": 42, "message": "no", "field": "client_groups_discount"},
        ),
        (
            "error_type",
            {"message": "no"},
            {"code": 11, "error_type": "OAuthException", "error_message": "no"},
        ),
        ("error_err_code", {}, {"response": {"err_code": 44}}),
        ("error_text", {}, {"error": "boom"}),
        ("error_null_alone", {}, {"error": None}),
        ("error_word_code", {}, {"error": {"code": "E_DENIED", "message": "Denied"}}),
    ],
)
def test_envelopes(sandbox, wire, fault, options, expected):
    head, body = split(raw(wire, fault, "get", **options))
    assert head.startswith("HTTP/1.1 200 ")
    assert json.loads(body) == expected


def test_the_code_of_an_envelope_is_in_the_log(sandbox, wire):
    raw(wire, "error_object", "write", code=38, when="before")
    assert [(call.code, call.applied) for call in sandbox.posts()] == [(38, False)]


def test_an_error_that_repeats_the_token(wire):
    assert wire.token.encode() in split(raw(wire, "error_echo"))[1]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("error_null", None),
        ("error_zero", 0),
        ("error_zero_object", {"code": 0, "message": ""}),
        ("error_beside", {"code": 11, "message": "Bad access token"}),
    ],
)
def test_an_error_beside_a_response(wire, fault, error):
    content = json.loads(split(raw(wire, fault))[1])
    assert content["error"] == error
    assert len(content["response"]) == 3


# --- Rows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        ("row_numbers", "client_groups_id", 1),
        ("row_numbers", "client_groups_discount", 10.0),
        ("row_decimals", "client_groups_discount", "10.00"),
        ("row_decimals", "birthday_bonus", 5000.0),
        ("row_null_field", "client_groups_discount", None),
        ("row_empty_field", "client_groups_discount", ""),
        ("row_bool_field", "client_groups_discount", True),
        ("row_exponent", "birthday_bonus", "1e3"),
        ("row_id_zero", "client_groups_id", "0"),
        ("row_fraction_of_kopeck", "birthday_bonus", "50.5"),
        ("row_percent_150", "client_groups_discount", "150"),
        ("row_negative_count", "count_groups_clients", "-1"),
        ("row_unknown_type", "loyalty_type", "3"),
        ("row_deleted", "delete", "1"),
    ],
)
@pytest.mark.parametrize("kind", ["list", "get"])
def test_rows(wire, fault, field, value, kind):
    answered = response(wire, fault, kind)
    row = answered[0] if kind == "list" else answered
    assert row[field] == value
    assert type(row[field]) is type(value)


def test_a_row_is_chosen_by_its_id_and_a_field_by_its_name(wire):
    rows = response(wire, "row_missing_field", group=4, field="client_groups_name")
    assert ["client_groups_name" in row for row in rows] == [True, False, True]
    assert response(wire, "row_not_object", group=5)[2] == "group"


def test_rows_that_are_there_twice(wire):
    *rows, last = response(wire, "row_duplicate_id", group=4)
    assert last["client_groups_id"] == rows[1]["client_groups_id"]
    *rows, last = response(wire, "row_duplicate_name", group=4)
    assert last["client_groups_name"] == rows[1]["client_groups_name"]
    assert last["client_groups_id"] not in {row["client_groups_id"] for row in rows}


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("row_html_name", "<script>alert(1)</script>"),
        ("row_rtl_name", "\u202e"),
        ("row_nul_name", "\0"),
        ("row_surrogate_name", "\ud83d"),
        ("row_long_name", "Постоянный посетитель" * 400),
    ],
)
def test_names(wire, fault, part):
    assert part in response(wire, fault)[0]["client_groups_name"]


def test_what_a_fault_shows_is_not_what_is_stored(sandbox, wire):
    before = sandbox.accounts["demo"].snapshot()
    raw(wire, "row_html_name")
    assert sandbox.accounts["demo"].snapshot() == before
