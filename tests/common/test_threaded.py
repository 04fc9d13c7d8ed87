"""Test the WSGI-over-ASGI server: threads get complete requests only, and responses arrive unchanged."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from wsgiref.validate import validator

import pytest
from django.core.handlers.wsgi import WSGIRequest

from poster_admin.common import threaded
from poster_admin.common.threaded import afterwards, reads_only

SCOPE = {
    "method": "POST",
    "raw_path": b"/%D0%BA%FF/",
    "query_string": b"q=1",
    "server": ("127.0.0.1", "8000"),
    "client": ("192.0.2.7", "5000"),
    "scheme": "http",
    "http_version": "1.1",
    "headers": [(b"host", b"127.0.0.1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"content-type", b"a/b")],
}


def served(application, bodies, *, after=None, **scope):
    """Answer one request with its body in these pieces, and return the messages that were sent."""
    sent = []

    async def receive():
        if bodies:
            piece = bodies.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(bodies) or after is not None}
        return await after()

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as pool:  # this thread may already run the event loop of a browser
        pool.submit(asyncio.run, application({**SCOPE, **scope}, receive, send)).result()
    start, *pieces = sent
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    return start["status"], dict(start["headers"]), b"".join(piece["body"] for piece in pieces)


async def never():
    await asyncio.sleep(60)


async def gone():
    return {"type": "http.disconnect"}


def echo(environ, start_response):
    """Return the body, and record the request; the validator checks both sides against PEP 3333."""
    requested.update(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]


requested: dict = {}


def test_a_request_comes_as_it_was_sent():
    application = threaded.ThreadedApplication(validator(echo))
    assert served(application, [b"one ", b"two"]) == (200, {b"content-type": b"text/plain"}, b"one two")
    assert requested["PATH_INFO"].encode("latin-1") == b"/\xd0\xba\xff/"
    assert requested["QUERY_STRING"] == "q=1"
    assert requested["REMOTE_ADDR"] == "192.0.2.7"
    assert requested["HTTP_COOKIE"] == "a=1;b=2"
    assert requested["CONTENT_TYPE"] == "a/b"
    assert application._held == 0


@pytest.mark.parametrize(
    ("method", "reads", "order"),
    [
        ("GET", False, ["sent", "work", "closed"]),
        ("POST", False, ["work", "closed", "sent"]),
        ("POST", True, ["sent", "work", "closed"]),
    ],
)
def test_work_of_a_request_that_only_reads_is_done_after_its_response(method, reads, order):
    done = []

    class Response(list):
        def close(self):
            done.append("closed")

    def application(environ, start_response):
        start_response("200 OK", [])
        if reads:
            reads_only(WSGIRequest(environ))
        afterwards(lambda: done.append("work"))
        return Response([b"page"])

    async def send(message):
        if message["type"] == "http.response.body":
            done.append("sent")

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = SCOPE | {"method": method}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, threaded.ThreadedApplication(application)(scope, receive, send)).result()
    assert done == order


def test_a_header_with_an_underscore_passes_for_no_other_one():
    requested.clear()
    headers = [(b"x_forwarded_for", b"192.0.2.1"), (b"x-other", b"1")]
    headers += [(b"content-type", b"a/b"), (b"content_type", b"c/d")]
    served(threaded.ThreadedApplication(echo), [b""], headers=headers)
    assert requested["HTTP_X_OTHER"] == "1"
    assert "HTTP_X_FORWARDED_FOR" not in requested
    assert requested["CONTENT_TYPE"] == "a/b"


@pytest.mark.parametrize(
    ("bodies", "after", "bound", "status"),
    [
        ([b"x"], never, {"BODY_SECONDS": 0.01}, 408),
        ([b"x" * 11], None, {"LARGEST_BODY": 10}, 413),
        ([b"x" * 11], None, {"ALL_BODIES": 10}, 503),
        ([b"x"], gone, {}, 400),
    ],
)
def test_what_is_slow_or_large_or_breaks_off_gets_no_thread(monkeypatch, bodies, after, bound, status):
    for name, value in bound.items():
        monkeypatch.setattr(threaded, name, value)
    requested.clear()
    application = threaded.ThreadedApplication(echo)
    answered, headers, _ = served(application, bodies, after=after)
    assert answered == status
    assert headers[b"connection"] == b"close"
    assert not requested
    assert application._held == 0


def test_a_long_answer_comes_in_pieces_and_is_closed(monkeypatch):
    monkeypatch.setattr(threaded, "PIECE", 10)
    closed = []

    class Parts(list):
        def close(self):
            closed.append(True)

    def long(environ, start_response):
        start_response("200 OK", [])
        return Parts([b"x" * 8] * 5)

    assert served(threaded.ThreadedApplication(long), [], method="GET")[2] == b"x" * 40
    assert closed == [True]
