"""Test the server's log: complete, with the right request ids, and without secrets."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.db import OperationalError
from structlog.contextvars import bind_contextvars, clear_contextvars

from groups.poster import CallReport
from groups.services import gateway
from poster_admin.common.logs import formatter
from poster_admin.users import sessions

REQUEST = "12345678-1234-1234-1234-123456789abc"
# Invented, in the format of Poster's tokens.
TOKEN = "ab12" * 8
pytestmark = pytest.mark.once


@pytest.fixture
def written(log_stream):
    """Configure logging as the server does, and return a function that returns the lines."""
    stream = log_stream("json")
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_request(written):
    log = logging.getLogger("tests.logs")
    bind_contextvars(request_id=REQUEST)
    log.warning("line %s", [1])
    clear_contextvars()
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
    handler.setFormatter(formatter("json"))
    log.addHandler(handler)
    try:
        answer = client.get("/static/nowhere/")
    finally:
        log.removeHandler(handler)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["request_id"]) == ("Not Found: /static/nowhere/", answer["X-Request-ID"])


def test_a_call_is_counted_and_reported(written):
    call = CallReport("demo", "clients.getGroup", 2, "http_503", 503, None, 7, 0.25)
    bind_contextvars(request_id=REQUEST)
    gateway._report(call)
    clear_contextvars()
    (line,) = written()
    assert (line["level"], line["logger"], line["request_id"]) == ("WARNING", "groups.poster", REQUEST)
    assert (
        line["message"] == "demo clients.getGroup try=2 outcome=http_503 status=503 code=None bytes=7 ms=250"
    )
    assert datetime.now(UTC) - datetime.fromisoformat(line["time"]) < timedelta(seconds=5)


@pytest.fixture
def access(caplog):
    """Return a function that returns the lines of the access log."""
    caplog.set_level(logging.INFO, logger="poster_admin.access")
    return lambda: [line.getMessage() for line in caplog.records if line.name == "poster_admin.access"]


@pytest.mark.django_db
def test_each_request_is_one_line_with_its_status_and_milliseconds(browse, staff, access, written):
    answer = browse(staff).get("/groups/?q=380501234567")
    (line,) = access()
    assert re.fullmatch(r"GET /groups/ 200 \d+ ms", line)
    (line,) = [each for each in written() if each["logger"] == "poster_admin.access"]
    assert (line["user"], line["account"]) == (staff.pk, "demo")
    assert line["request_id"] == answer["X-Request-ID"]
    assert "380501234567" not in json.dumps(written())


@pytest.mark.django_db
def test_requests_of_strangers_files_and_errors_are_written_too(client, access):
    for path in ("/help/", "/groups/", "/nowhere/%0aPOST%20/forged", "/static/nowhere.css"):
        client.get(path)
    client.post("/accounts/login/", {"username": "nobody", "password": "a-password"})
    lines = [line.rpartition(" ms")[0].rpartition(" ")[0] for line in access()]
    assert lines == [
        "GET /help/ 302",
        "GET /groups/ 302",
        "GET /nowhere/%0APOST%20/forged 404",
        "GET /static/nowhere.css 404",
        "POST /accounts/login/ 200",
    ]


@pytest.mark.django_db
def test_a_request_leaves_nothing_behind_for_the_next_one(browse, staff, client, written):
    browse(staff).get("/groups/")
    client.get("/nowhere/")
    line = written()[-1]
    assert (line["message"][:13], line.get("user"), line.get("account")) == ("GET /nowhere/", None, None)


@pytest.mark.django_db
def test_programs_that_find_the_dashboard_well_leave_no_line(client, access, monkeypatch):
    for path in ("/healthz", "/healthz/", "/readyz"):
        assert client.get(path).status_code == 200
    assert access() == []
    monkeypatch.setattr("poster_admin.common.monitoring.cache", None)
    assert client.get("/readyz").status_code == 503
    assert [line[:15] for line in access()] == ["GET /readyz 503"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "address", "taken"),
    [
        ("from-the-proxy.1", "127.0.0.1", True),
        ("from-the-proxy.1", "10.1.2.3", False),
        ("short", "127.0.0.1", False),
        ("x" * 37, "127.0.0.1", False),
        ("two\nlines", "127.0.0.1", False),
        (TOKEN, "127.0.0.1", False),
    ],
)
def test_the_id_of_a_request_is_taken_from_a_trusted_proxy_alone(client, given, address, taken):
    answer = client.get("/healthz", REMOTE_ADDR=address, headers={"X-Request-ID": given})
    assert (answer["X-Request-ID"] == given) is taken


def test_a_line_to_read_has_the_same_and_no_token():
    record = logging.makeLogRecord(
        {
            "name": "tests.logs",
            "levelname": "INFO",
            "msg": "asked with %s",
            "args": (TOKEN,),
            "event": {"a": 1},
        }
    )
    bind_contextvars(request_id=REQUEST, user=3, account="demo")
    line = formatter("line").format(record)
    clear_contextvars()
    assert re.fullmatch(
        rf"\S+ \[INFO\] asked with \[token\] \[tests.logs\] account=demo request_id={REQUEST} user=3", line
    )


@pytest.mark.django_db
def test_a_database_that_is_away_is_a_line_with_503_and_not_asked_again_for_it(
    browse, staff, access, monkeypatch
):
    client, counts = browse(staff), []
    client.raise_request_exception = False

    def away(self):
        counts.append(len(access()))
        raise OperationalError("the database is away")

    monkeypatch.setattr(sessions.SessionStore, "load", away)
    assert client.get("/groups/").status_code == 503
    (line,) = access()
    assert line.startswith("GET /groups/ 503 ")
    once = len(counts)
    assert client.get("/groups/").status_code == 503
    assert len(access()) == 2
    assert len(counts) == 2 * once
