"""Bodies of a POST other than the plain form, good and bad ones."""

import json

import pytest

from tests.support.wire import GROUP


@pytest.fixture
def create(sandbox, connection):
    def create(body, content_type, **query):
        token = sandbox.accounts["demo"].token
        more = "".join(f"&{name}={value}" for name, value in query.items())
        body = body if isinstance(body, bytes) else body.encode()
        path = f"/demo/api/clients.createGroup?token={token}{more}"
        connection.request("POST", path, body=body, headers={"Content-Type": content_type})
        content = json.loads(connection.getresponse().read())
        return content.get("response") or content["error"]["code"]

    return create


def part(name, value, more=""):
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n'.encode()
    return head + b"\r\n" + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


def multipart(values, *parts):
    return b"".join([*(part(*pair) for pair in values.items()), *parts, b"--edge--\r\n"])


MULTIPART = "multipart/form-data; boundary=edge"


def test_json_numbers_stay_as_they_are_spelled(sandbox, create):
    body = '{"client_groups_name":"Ї","loyalty_type":2,"client_groups_discount":12.50,"birthday_bonus":0.07}'
    assert create(body, "application/json") == 6
    assert sandbox.posts()[0].form == {
        "client_groups_name": "Ї",
        "loyalty_type": "2",
        "client_groups_discount": "12.50",
        "birthday_bonus": "0.07",
    }
    assert sandbox.accounts["demo"].groups[6]["birthday_bonus"] == "7"


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", '"x"', "[" * 100_000, b"\xff", json.dumps({**GROUP, "client_groups_name": None})],
)
def test_a_json_that_says_nothing(create, body):
    assert create(body, "application/json") == 34


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("client_groups_name", ["x"], 34),
        ("client_groups_name", {}, 34),
        ("loyalty_type", 3, 42),
        ("loyalty_type", False, 42),
        ("client_groups_discount", 1e400, 42),
        ("birthday_bonus", -1, 42),
        ("loyalty_type", True, 6),
        ("client_groups_name", "\ud83d", 6),
    ],
)
def test_odd_values_of_a_json(create, field, value, code):
    assert create(json.dumps({**GROUP, field: value}), "application/json") == code


def test_a_multipart_form_keeps_what_a_value_holds(sandbox, create):
    values = {**GROUP, "client_groups_name": "Ї & «чай»=\r\n1"}
    assert create(multipart(values), MULTIPART) == 6
    assert sandbox.posts()[0].form == values


def test_a_file_is_no_parameter(create):
    form = {name: value for name, value in GROUP.items() if name != "client_groups_name"}
    file = part("client_groups_name", "x", '; filename="x.txt"')
    assert create(multipart(form, file), MULTIPART) == 34


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=other", "text/plain"]
)
def test_a_body_that_is_no_form(create, content_type):
    assert create(multipart(GROUP), content_type) == 34


def test_the_body_wins_over_the_query_and_a_token_in_it_counts_for_nothing(sandbox, create, wire):
    assert create(json.dumps({**GROUP, "token": "x"}), "application/json", birthday_bonus="7") == 6
    assert sandbox.accounts["demo"].groups[6]["birthday_bonus"] == "5000"
    assert sandbox.posts()[0].form["token"] == "[token]"
    assert sandbox.posts()[0].body == ""
    assert wire.code("clients.createGroup", GROUP, token=None) == 10


def test_a_client_that_asks_before_it_sends_a_long_body_is_told_to_go_on(wire):
    request = wire.request("clients.createGroup", GROUP)
    head, _, body = request.partition(b"\r\n\r\n")
    with wire.open() as opened:
        opened.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert opened.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(body)
        assert opened.recv(1000).endswith(b'{"response":6}')
