"""Compare the fast path for documented lists with reading row by row: both return the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster import GroupList, InvalidResponse, PosterError
from groups.poster.parsing import interpret_groups, parse_response
from groups.poster.records import GROUP_FIELDS
from groups.poster.transport import Answer, TransportFailure
from tests.support.values import ROW, SCALARS

METHOD = "clients.getGroups"


def row_by_row(answer):
    """Read a list as if no answer were in the documented format."""
    rows = parse_response(answer, METHOD)
    if isinstance(rows, PosterError):
        return rows
    if not isinstance(rows, list):
        return InvalidResponse("the list is not a list", method=METHOD, reason="shape")
    return GroupList.from_wire(rows)


def said(result):
    """Return everything comparable of a list or an error."""
    if isinstance(result, PosterError):
        return type(result), str(result), getattr(result, "retryable", None)
    return repr(tuple(result.groups)), [(row.id, row.problem) for row in result.unreadable]


def assert_the_same(body, status=200):
    answer = Answer(status, body)
    assert said(interpret_groups(answer, METHOD)) == said(row_by_row(answer))


def packed(content, **options):
    options = {"ensure_ascii": False, "separators": (",", ":")} | options
    return json.dumps(content, **options).encode("utf-8", "surrogatepass")


def is_read_at_once(body):
    return GroupList.from_documented(body) is not None


ODD = st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, SCALARS)).map(lambda odd: ROW | odd)


def test_each_declared_field_is_in_the_fast_way():
    row = {each.wire: "1" for each in GROUP_FIELDS.values()}
    row |= {"client_groups_id": "1", "count_groups_clients": "1", "delete": "0"}
    assert is_read_at_once(packed({"response": [row]}))
    assert_the_same(packed({"response": [row]}))


@given(rows=st.lists(ODD | SCALARS, max_size=5), status=st.sampled_from([200, 200, 500]))
def test_any_list_is_read_the_same_way(rows, status):
    assert_the_same(packed({"response": rows}), status)


TEXTS = st.text('0123456789.-+eE_ \\"/&#;x\0٥½Й\ud83d', max_size=6) | st.text(max_size=6)
TEXT_ROWS = st.builds(
    lambda number, field, text: ROW | {"client_groups_id": str(number), field: text},
    st.integers(1, 9),
    st.sampled_from(sorted(ROW)),
    st.sampled_from("0127") | TEXTS,
)


@given(rows=st.lists(TEXT_ROWS, max_size=3), ascii_alone=st.booleans(), spaces=st.booleans())
def test_any_texts_are_read_the_same_way(rows, ascii_alone, spaces):
    separators = (", ", ": ") if spaces else (",", ":")
    assert_the_same(packed({"response": rows}, ensure_ascii=ascii_alone, separators=separators))


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":[]}',
        b'{"response":[{}]}',
        b'{"response":[{',
        b'{"response":[{}]}]}',
        b'{"response":[{"a":[{"b":1},{"c":2}]}]}',
        b'{"response":[{"a":1}],"error":[{"b":2}]}',
        b'{"response":[],"error":11}',
        b'{"response":[],"response":[]}',
        b'{"response":[{"a":NaN}]}',
        b'{"response":[{"a":"\xff"}]}',
        b'\xef\xbb\xbf{"response":[]}',
        b'{"response":[]} x',
        b"",
    ],
)
def test_a_body_at_the_edge_is_read_the_same_way(body):
    assert_the_same(body)


@pytest.mark.parametrize("field", ROW)
@pytest.mark.parametrize("again", [b'"2"', b"null", b'"\\""', b'"\\\\"', b"2"])
def test_a_key_that_is_there_twice_is_never_overlooked(field, again):
    row = packed(ROW)
    for key in (field.encode(), field.replace("e", "\\u0065").encode()):
        for body in (row[:-1] + b',"%s":%s}' % (key, again), b'{"%s":%s,' % (key, again) + row[1:]):
            answer = Answer(200, b'{"response":[%s]}' % body)
            assert interpret_groups(answer, METHOD).reason == "not_json"


def test_a_list_does_not_hide_an_error():
    body = packed({"response": [ROW]})
    assert is_read_at_once(body)
    assert interpret_groups(Answer(500, body), METHOD).reason == "http_500"
    assert interpret_groups(TransportFailure("timeout", sent=True), METHOD).reason == "timeout"


def test_the_second_row_of_an_id_is_unreadable():
    body = packed({"response": [ROW, ROW | {"client_groups_name": "Другая"}]})
    assert is_read_at_once(body)
    read = interpret_groups(Answer(200, body), METHOD)
    assert [group.name for group in read.groups] == [ROW["client_groups_name"]]
    assert [row.id for row in read.unreadable] == [1]
