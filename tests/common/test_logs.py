"""Test the server's log: complete, with the right request ids, and without secrets."""

import json
import logging
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from groups.poster import CallReport
from groups.services import gateway
from groups.services.metrics import CALLS
from poster_admin.common.logs import JsonFormatter, RedactFilter, request_id

REQUEST = "12345678-1234-1234-1234-123456789abc"
# Invented, in the format of Poster's tokens.
TOKEN = "ab12" * 8
pytestmark = pytest.mark.once


@pytest.fixture
def written():
    """Configure logging as the server does, and return a function that returns the lines."""
    stream, root = StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactFilter())
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


def test_a_line_has_its_request(written):
    log = logging.getLogger("tests.logs")
    reset = request_id.set(REQUEST)
    log.warning("line %s", [1])
    request_id.reset(reset)
    log.warning("of no request")
    assert [(line["message"], line["request_id"]) for line in written()] == [
        ("line [1]", REQUEST),
        ("of no request", "-"),
    ]


def test_a_failure_is_written_with_its_traceback_and_without_its_token(written):
    try:
        int(TOKEN + "x")
    except ValueError:
        logging.getLogger("tests.logs").exception("failed with %s", TOKEN, extra={"event": {"a": TOKEN}})
    (line,) = written()
    assert "ValueError" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert TOKEN not in json.dumps(line)
    assert line["event"]


@pytest.mark.django_db
def test_what_django_says_of_a_request_that_failed_has_its_id(client):
    stream, log = StringIO(), logging.getLogger("django.request")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    try:
        answer = client.get("/static/nowhere/")
    finally:
        log.removeHandler(handler)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["request_id"]) == ("Not Found: /static/nowhere/", answer["X-Request-ID"])


def test_a_call_is_counted_and_told(written):
    call = CallReport("demo", "clients.getGroup", 2, "http_503", 503, None, 7, 0.25)
    before = counted(call)
    reset = request_id.set(REQUEST)
    gateway._report(call)
    request_id.reset(reset)
    assert counted(call) == before + 1
    (line,) = written()
    assert (line["level"], line["logger"], line["request_id"]) == ("WARNING", "groups.poster", REQUEST)
    assert (
        line["message"] == "demo clients.getGroup try=2 outcome=http_503 status=503 code=None bytes=7 ms=250"
    )
    assert datetime.now(UTC) - datetime.fromisoformat(line["time"]) < timedelta(seconds=5)


def test_a_line_that_nobody_wants_is_not_written_but_the_call_is_counted(written):
    call = CallReport("demo", "clients.getGroup", 1, "ok", 200, None, 7, 0.25)
    before = counted(call)
    logging.disable(logging.INFO)
    try:
        gateway._report(call)
        assert written() == []
    finally:
        logging.disable(logging.NOTSET)
    assert counted(call) == before + 1


def counted(call):
    return CALLS.labels(call.method, call.outcome)._value.get()
