"""Send the requests of the documentation to the sandbox, and compare the answers."""

import json
import secrets
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.poster_document import examples

FORM = "application/x-www-form-urlencoded"


def numbers(values):
    """Return JSON with the numbers of the documentation's PHP."""
    return {name: json.loads(value) if _is_number(value) else value for name, value in values.items()}


def _is_number(value):
    return value.replace(".", "", 1).isdecimal()


def as_php(values):
    """Spell a number as PHP does in a form: 50.00 becomes 50."""
    return {name: f"{float(value):g}" if _is_number(value) else value for name, value in values.items()}


def multipart(values):
    boundary = secrets.token_hex(8)
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in values.items()
    )
    return f"multipart/form-data; boundary={boundary}", f"{''.join(parts)}--{boundary}--\r\n", {}


SENT = {
    "a form": lambda values: (FORM, urlencode(values), {}),
    "a form as PHP builds it": lambda values: (FORM, urlencode(as_php(values)), {}),
    "a multipart form": multipart,
    "JSON with numbers": lambda values: ("application/json", json.dumps(numbers(values)), {}),
    "JSON with texts": lambda values: ("application/json; charset=utf-8", json.dumps(values), {}),
    "the query": lambda values: (FORM, "", values),
}


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def ask(sandbox, example, way):
    """Send a request of the documentation, and return the text of the answer."""
    kind, body, query = (FORM, None, {}) if example.values is None else SENT[way](example.values)
    connection = HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    connection.request(
        "GET" if example.values is None else "POST",
        f"/{example.account}/api/{example.method}?{urlencode({**example.query, **query})}",
        body=body if body is None else body.encode(),
        headers={} if body is None else {"Content-Type": kind},
    )
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    assert (answer.status, answer.headers.get_content_type()) == (200, "application/json")
    return content


def packed(answer):
    """Return JSON as Poster writes it, the fields in the order of the documentation."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("way", SENT)
def test_each_example_is_answered_to_the_byte_as_the_documentation_says_in_its_order(sandbox, way):
    before = sandbox.accounts["demo"].snapshot()
    for example in examples():
        assert ask(sandbox, example, way) == packed(example.answer)
    assert sandbox.accounts["demo"].snapshot() == before


@pytest.mark.parametrize("way", SENT)
def test_what_is_sent_is_stored_as_the_first_example_shows_it(sandbox, way):
    listed, one, create, *_ = examples()
    ask(sandbox, create, way)
    twin = {**one.answer["response"], "client_groups_id": "6", "count_groups_clients": "0"}
    assert ask(sandbox, listed, way) == packed({"response": [*listed.answer["response"], twin]})


def test_the_document_s_token_is_demo_s_alone(sandbox):
    token = examples()[0].query["token"]
    assert sandbox.accounts["demo"].token != token
    assert [name for name, account in sandbox.accounts.items() if account.knows(token)] == ["demo"]
    assert not any(account.knows("") for account in sandbox.accounts.values())
