"""A list that is read by its known rows says the same as one that is read as a whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster import BadAnswer, GroupList, PosterError, lists
from groups.poster.answers import interpret
from groups.poster.lists import interpret_list
from groups.poster.transport import Answer, Failure
from tests.poster.test_answers import ROW, SCALARS

METHOD = "clients.getGroups"


def whole(answer):
    """Read a list without any memory."""
    rows = interpret(answer, METHOD)
    if isinstance(rows, PosterError):
        return rows
    if not isinstance(rows, list):
        return BadAnswer("the list is not a list", method=METHOD, reason="shape")
    return GroupList.from_wire(rows)


def said(result):
    """Return what can be compared of a list or an error."""
    if isinstance(result, PosterError):
        return type(result), str(result), getattr(result, "retryable", None)
    return result.groups, [(row.id, row.problem) for row in result.unreadable]


def assert_the_same(body, status=200):
    answer = Answer(status, body)
    expected = said(whole(answer))
    # Not known yet, then known row by row, and known as a whole.
    longer = Answer(status, body + b" ")
    assert said(interpret_list(answer, METHOD)) == expected
    assert said(interpret_list(longer, METHOD)) == said(whole(longer))
    assert said(interpret_list(answer, METHOD)) == expected


def packed(content):
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


ROWS = st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, SCALARS)).map(lambda odd: ROW | odd)


@given(rows=st.lists(ROWS | SCALARS, max_size=5), status=st.sampled_from([200, 200, 500]))
def test_any_list_is_read_the_same_way(rows, status):
    assert_the_same(packed({"response": rows}), status)


PARTS = ('{"response":[{', "},{", "}]}", '"a":1', '"a', '"', "{", "}", "[", "]", ",", '"error":11')
NAMES = ("a},{b", "}]}", '{"response":[{', '"},{"client_groups_id":"7', "\\", '\\"},{\\"', "[{", "кава},{")


@given(parts=st.lists(st.sampled_from(PARTS)))
def test_a_cut_in_the_wrong_place_is_noticed(parts):
    assert_the_same("".join(['{"response":[{', *parts, "}]}"]).encode())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_look_like_the_space_between_rows(name):
    rows = [ROW | {"client_groups_name": name}, ROW | {"client_groups_id": "2"}]
    assert_the_same(packed({"response": rows}))
    assert interpret_list(Answer(200, packed({"response": rows})), METHOD).groups[0].name == name


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":[]}',
        b'{"response":[{}]}',
        b'{"response":[{',
        b'{"response":[{}]}]}',
        b'{"response":[{"a":[{"b":1},{"c":2}]}]}',
        b'{"response":[{"a":1}],"error":[{"b":2}]}',
        b'{"response":[{"a":1,"a":2}]}',
        b'{"response":[{"a":NaN}]}',
        b'{"response":[{"a":1},{}]}',
        b'{"response":[{"a":"\xff"}]}',
        b'\xef\xbb\xbf{"response":[{"a":1}]}',
    ],
)
def test_a_body_at_the_edge_is_read_the_same_way(body):
    assert_the_same(body)


def test_lists_that_are_looked_for_in_the_same_place_are_told_apart():
    # Of a list some bytes alone say where it may be found; these differ everywhere else.
    rows = [ROW | {"client_groups_name": letter * 100} for letter in "abc"]
    bodies = [packed({"response": [row]}) for row in rows]
    assert len({body[: body.index(b"client_groups_name")] for body in bodies}) == 1
    middles = []
    for body in bodies:
        middle = bytearray(bodies[0])
        for place in range(len(middle)):
            if place % lists._SAMPLED:
                middle[place] = body[place]
        middles.append(bytes(middle))
    assert len({middle[:: lists._SAMPLED] for middle in middles}) == 1
    assert len(set(middles)) == len(middles)
    for body in [*middles, *middles]:
        assert_the_same(body)


def test_a_known_list_does_not_hide_an_error():
    body = packed({"response": [ROW]})
    assert isinstance(interpret_list(Answer(200, body), METHOD), GroupList)
    assert interpret_list(Answer(500, body), METHOD).reason == "http_500"
    assert interpret_list(Failure("timeout", sent=True), METHOD).reason == "timeout"


def test_only_equal_lists_have_the_same_digest():
    one, same, other = (
        interpret_list(Answer(200, packed({"response": [ROW | {"client_groups_name": name}]})), METHOD)
        for name in ("Кава", "Кава", "Чай")
    )
    assert one.digest == same.digest != other.digest
