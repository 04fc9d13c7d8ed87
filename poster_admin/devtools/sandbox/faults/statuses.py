"""Faults of HTTP: statuses without an answer of Poster's, redirects, pages, empty bodies."""

import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from poster_admin.devtools.sandbox.faults.fault import Exchange, Fault, fault
from poster_admin.devtools.sandbox.http.exchange import HTML, SandboxAnswer, dump

FAULTS: dict[str, Fault] = {}

_RETRY_LATER = 3600
_REDIRECTS = (301, 302, 303, 307, 308)
_STATUSES = {
    19: (400, 404, 405, 410, 413, 415, 422),
    20: (401, 403),
    23: (500, 502, 503, 504),
}


def _declare_redirect(status: int) -> None:
    def run(exchange: Exchange) -> SandboxAnswer:
        # Keep the whole query in the address, and with it the token, as real servers do. A client that
        # follows reaches this sandbox again and is seen in its log.
        request = exchange.request
        here = request.target.replace(f"/{request.account}/api/", "/api/", 1)
        location = exchange.options["location"] or f"http://{request.host}{here}"
        return _page(status, "Moved", ("Location", location))

    run.__name__ = f"redirect_{status}"
    run.__doc__ = f"Redirect with {status} to `location`, by default to the same call at another path."
    fault(FAULTS, 18, location="")(run)


def _declare_status(row: int, status: int) -> None:
    def run(_exchange: Exchange) -> SandboxAnswer:
        return _page(status, HTTPStatus(status).phrase)

    run.__name__ = f"status_{status}"
    run.__doc__ = f"Answer {status} with a page of the web server's."
    fault(FAULTS, row)(run)


def _declare_retry_after(name: str, row: int, value: Callable[[], str]) -> None:
    def run(_exchange: Exchange) -> SandboxAnswer:
        return _page(429, "Too Many Requests", ("Retry-After", value()))

    run.__name__ = f"retry_after_{name}"
    run.__doc__ = f"Answer 429 with Retry-After: {'a date in an hour' if name == 'date' else name}."
    fault(FAULTS, row)(run)


for _status in _REDIRECTS:
    _declare_redirect(_status)
for _row, _group in _STATUSES.items():
    for _status in _group:
        _declare_status(_row, _status)
_declare_retry_after("1", 21, lambda: "1")
_declare_retry_after("3600", 22, lambda: str(_RETRY_LATER))
_declare_retry_after("soon", 22, lambda: "soon")
_declare_retry_after("date", 22, lambda: formatdate(time.time() + _RETRY_LATER, usegmt=True))


@fault(FAULTS, 24, code=44, status=500, message="Error saving data")
def status_5xx_envelope(exchange: Exchange) -> SandboxAnswer:
    """Answer with a 5xx `status` and an error of Poster's in it."""
    options = exchange.options
    body = dump({"error": {"code": options["code"], "message": options["message"]}})
    return SandboxAnswer(body, status=options["status"], code=options["code"])


@fault(FAULTS, 25)
def html_echo(exchange: Exchange) -> SandboxAnswer:
    """Answer 200 with a sign-in page that repeats the address of the request, token and all."""
    request = exchange.request
    return _page(200, f"Sign in to go on to http://{request.host}{request.target}")


@fault(FAULTS, 26)
def empty(_exchange: Exchange) -> SandboxAnswer:
    """Answer 200 with an empty body."""
    return SandboxAnswer(b"")


@fault(FAULTS, 26)
def no_content(_exchange: Exchange) -> SandboxAnswer:
    """Answer 204."""
    return SandboxAnswer(b"", status=204, content_type=None)


def _page(status: int, words: str, *headers: tuple[str, str]) -> SandboxAnswer:
    text = (
        f"<html>\r\n<head><title>{status} {words}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status} {words}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return SandboxAnswer(text.encode(), status=status, content_type=HTML, headers=headers)
