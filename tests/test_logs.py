"""The log of the server: written by a thread of its own, complete, and of the right request."""

import json
import logging
from io import StringIO

import pytest

from groups import logs
from groups.logs import JsonFormatter, RedactFilter, request_id

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
