"""The list out of the bytes: row by row it is what the whole is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster.answers import parse
from groups.poster.lists import interpret_list
from groups.poster.records import GroupList
from groups.poster.transport import Answer

ROW = {
    "client_groups_id": "1",
    "client_groups_name": "a",
    "client_groups_discount": "5",
    "birthday_bonus": "0",
    "loyalty_type": "1",
    "count_groups_clients": "3",
}


def whole(body):
    return GroupList.from_wire(parse(body)["response"])


@given(st.lists(st.text(st.sampled_from('a},{"[]:\\ '), max_size=12), min_size=1, max_size=5))
def test_names_that_look_like_the_end_of_a_row(names):
    rows = [ROW | {"client_groups_id": str(n), "client_groups_name": name} for n, name in enumerate(names, 1)]
    body = json.dumps({"response": rows}, separators=(",", ":")).encode()
    groups = interpret_list(Answer(200, body), "clients.getGroups")
    assert [group.name for group in groups.groups] == [group.name for group in whole(body).groups]


@pytest.mark.parametrize(
    "rows",
    [[], [{}], [ROW, ROW], [ROW, {"a": [{"b": 1}, {"c": 2}]}], [ROW, None], [ROW | {"loyalty_type": "x"}]],
)
def test_odd_rows_are_as_odd_row_by_row(rows):
    body = json.dumps({"response": rows}, separators=(",", ":")).encode()
    groups, other = interpret_list(Answer(200, body), "clients.getGroups"), whole(body)
    assert groups.groups == other.groups
    assert [row.problem for row in groups.unreadable] == [row.problem for row in other.unreadable]


def test_the_same_bytes_are_the_same_list():
    body = json.dumps({"response": [ROW]}).encode()
    first, second = (interpret_list(Answer(200, bytes(bytearray(body))), "clients.getGroups") for _ in "12")
    assert first is second
