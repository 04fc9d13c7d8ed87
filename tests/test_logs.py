"""The log of the server: written by a thread of its own, complete, and of the right request."""

import json
import logging
import threading
import time
from datetime import UTC, datetime
from io import StringIO

import pytest

from groups import logs
from groups.logs import JsonFormatter, RedactFilter, request_id
from groups.metrics import CALLS
from groups.poster import CallReport
from groups.services import upstream

REQUEST = "12345678-1234-1234-1234-123456789abc"
# Invented, and in the shape of Poster's.
TOKEN = "ab12" * 8
pytestmark = pytest.mark.once


@pytest.fixture
def written(monkeypatch, settings):
    """Write in the background as the server does, and return what ends that and gives the lines."""
    stream, ended, log = StringIO(), [], logging.getLogger("tests.background")
    # This sets up all loggers anew.
    settings.LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {log.name: {}}}
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactFilter())
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    log.propagate = False
    monkeypatch.setattr(logs.logging, "getHandlerByName", lambda _name: handler)
    monkeypatch.setattr(logs.atexit, "register", ended.append)
    # What it leaves out of all records from now on.
    for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        monkeypatch.setattr(logging, name, getattr(logging, name))
    monkeypatch.setattr(logs, "_in_background", threading.Event())
    logs.write_in_background()

    def lines():
        for end in ended:
            end()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield lines
    for each in list(log.handlers):
        log.removeHandler(each)


def test_every_line_is_written_in_order_with_its_request(written):
    log = logging.getLogger("tests.background")
    numbers = [0]
    for number in range(200):
        reset = request_id.set(f"{REQUEST[:-3]}{number:03}")
        numbers[0] = number
        log.warning("line %s", numbers)
        request_id.reset(reset)
    log.warning("of no request")
    *lines, last = written()
    # What is said is settled at once: the list has another number by now.
    assert [line["message"] for line in lines] == [f"line [{number}]" for number in range(200)]
    assert [line["request_id"][-3:] for line in lines] == [f"{number:03}" for number in range(200)]
    assert last["request_id"] == "-"


def test_a_failure_is_written_with_its_traceback_and_without_its_token(written):
    try:
        int(TOKEN + "x")
    except ValueError:
        logging.getLogger("tests.background").exception(
            "failed with %s", TOKEN, extra={"event": {"a": TOKEN}}
        )
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


def test_a_call_is_counted_and_told_in_its_place_without_being_waited_for(written):
    call = CallReport("demo", "clients.getGroup", 2, "http_503", 503, None, 7, 0.25)
    log = logging.getLogger("tests.background")
    before = counted(call)
    reset = request_id.set(REQUEST)
    log.warning("before")
    upstream._report(call)
    log.warning("after")
    request_id.reset(reset)
    told = datetime.now(UTC)
    assert counted(call) == before
    time.sleep(0.05)
    _, line, _ = lines = written()
    assert [each["message"] for each in lines[::2]] == ["before", "after"]
    assert (line["level"], line["logger"], line["request_id"]) == ("WARNING", "groups.poster", REQUEST)
    assert (
        line["message"] == "demo clients.getGroup try=2 outcome=http_503 status=503 code=None bytes=7 ms=250"
    )
    assert datetime.fromisoformat(line["time"]) <= told
    assert counted(call) == before + 1


def test_a_line_that_cannot_be_made_is_told_and_does_not_end_the_log(written):
    log = logging.getLogger("tests.background")
    logs.write(lambda: {}[TOKEN])
    log.warning("after")
    failed, after = written()
    assert (failed["level"], failed["message"]) == ("ERROR", "A line of the log could not be made")
    assert "KeyError" in failed["exception"]
    assert TOKEN not in json.dumps(failed)
    assert after["message"] == "after"


@pytest.mark.parametrize("background", [True, False])
def test_a_line_that_nobody_wants_is_not_written_but_the_call_is_counted(request, caplog, background):
    written = request.getfixturevalue("written") if background else lambda: caplog.messages
    call = CallReport("demo", "clients.getGroup", 1, "ok", 200, None, 7, 0.25)
    before = counted(call)
    logging.disable(logging.INFO)
    try:
        upstream._report(call)
        assert written() == []
    finally:
        logging.disable(logging.NOTSET)
    assert counted(call) == before + 1


def counted(call):
    return CALLS.labels(call.method, call.outcome)._value.get()
