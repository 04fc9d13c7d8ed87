"""One exchange over HTTP with Poster: bounded in time and size, and without anything that remembers.

What `requests` does by default would lose money here: it follows redirects (a 307 repeats a POST), keeps
cookies between accounts, reads proxies and `.netrc` from the environment, and bounds each wait on the socket
but not the call. Its exceptions hold the whole URL, with the token, so none of them leaves this module:
`Transport.exchange` returns an `Answer` or a `Failure` and raises neither.

Most of that is done by the session of `requests`, so there is none: its adapter finds the connection, and an
answer stays as urllib3 has it, without the cookies that would be read out of it.
"""

import http.client
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util.ssl_ import create_urllib3_context

MAX_BODY = 32 * 1024 * 1024
# Each account has a host of its own: with fewer, the connections to one were closed for those to another.
HOSTS = 256
# Not whatever is installed here: gzip is what has its bounds tested.
_HEADERS = {**requests.utils.default_headers(), "Accept-Encoding": "gzip, deflate"}
_OF_A_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The bounds of a call in seconds: of a connect, a wait, and a whole read or write with its retries."""

    connect: float = 3.0
    read: float = 8.0
    read_deadline: float = 12.0
    write_deadline: float = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the decoded body, and Retry-After in seconds where it was a number."""

    status: int
    body: bytes
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer came. `sent` is False only where the request certainly never left this machine."""

    reason: str
    sent: bool
    retryable: bool = True


class Transport:
    """A pool of connections for all the clients of a process. Thread-safe."""

    def __init__(self, *, verify: bool | str = True, pool_size: int = 128) -> None:
        self._verify = verify
        self._adapter = _Adapter(max_retries=0, pool_connections=HOSTS, pool_maxsize=pool_size)

    def close(self) -> None:
        self._adapter.close()

    def exchange(
        self,
        verb: str,
        url: str,
        *,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeouts: Timeouts,
        deadline: float,
    ) -> Answer | Failure:
        """Send one request and read its answer, until `deadline` on the monotonic clock."""
        outer = sys.exception()
        _bounds.deadline = deadline
        _bounds.wait = timeouts.read
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return Failure("deadline", sent=False, retryable=False)
        try:
            response = self._adapter.exchange(
                verb,
                url,
                urlencode(params),
                None if form is None else urlencode(form),
                urllib3.Timeout(min(timeouts.connect, remaining), min(timeouts.read, remaining)),
                self._verify,
            )
            with response:
                body = _body(response)
                if len(body) > MAX_BODY:
                    return Failure("too_large", sent=True, retryable=False)
                return Answer(response.status, body, _retry_after(response.headers.get("Retry-After")))
        except _FAILURES as error:
            return _classify(error, outer)


@lru_cache(maxsize=1000)
def _plain(url: str) -> requests.PreparedRequest:
    """Prepare what is the same for each call of a method: no token is in it."""
    return requests.Request("GET", url).prepare()


def _body(response: Any) -> bytes:
    """Read a body: the whole of it, or one byte more than it may have."""
    length = response.length_remaining
    if length is None or length > MAX_BODY or "Content-Encoding" in response.headers:
        body: bytes = response.read(MAX_BODY + 1, decode_content=True)
    else:
        # All at once: urllib3 copies what is read up to a limit, and a long list takes half as long again.
        body = response.read(decode_content=False)
    return body


_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)


def _retry_after(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None


def _classify(error: BaseException, outer: BaseException | None) -> Failure:
    kinds = tuple(_chain(error, outer))

    def is_any(*classes: type[BaseException]) -> bool:
        return any(isinstance(kind, classes) for kind in kinds)

    # The order matters: in urllib3 NameResolutionError is a NewConnectionError is a ConnectTimeoutError.
    if is_any(requests.exceptions.InvalidURL, LocationParseError):
        return Failure("bad_address", sent=False, retryable=False)
    if is_any(NameResolutionError, socket.gaierror):
        return Failure("name_not_found", sent=False)
    if is_any(NewConnectionError):
        return Failure("refused", sent=False)
    if is_any(ConnectTimeoutError):
        return Failure("connect_timeout", sent=False)
    if is_any(ssl.SSLCertVerificationError):
        return Failure("certificate", sent=False, retryable=False)
    # Any other TLS error may have come after the request was read.
    if is_any(ssl.SSLError):
        return Failure("tls", sent=True)
    if is_any(DecodeError):
        return Failure("bad_encoding", sent=True, retryable=False)
    if is_any(ReadTimeoutError, TimeoutError):
        return Failure("timeout", sent=True)
    return Failure("connection_lost", sent=True)


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """Walk an exception and all that it wraps: requests and urllib3 do so in four different ways.

    `outer` is what the caller was handling already. It is behind our exception too, and says nothing of it.
    """
    seen = {id(outer)}
    queue: list[Any] = [error]
    while queue:
        current = queue.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


# --- A deadline for the whole call -------------------------------------------------------------------------
#
# The time-outs of requests bound each wait. One byte every few seconds, or an endless run of
# "100 Continue", would hold a worker for ever; so each wait gets no more than what is left of the call.


class _Bounds(threading.local):
    deadline: float = float("inf")
    wait: float = 60.0

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return left

    def remaining(self) -> float:
        return min(self.wait, self.left())


_bounds = _Bounds()


class _BoundedSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_bounds.remaining())
        return super().recv_into(*args, **kwargs)


class _BoundedTLSSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_bounds.remaining())
        return super().recv_into(*args, **kwargs)


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to the first address of a name that answers. urllib3 would give each the whole time-out."""
    try:
        host = connection.host.strip("[]")
        addresses = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise LocationParseError("the host") from None
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        opened = _BoundedSocket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                opened.setsockopt(*option)
            opened.settimeout(_connect_wait(connection))
            opened.connect(address)
            # What is left is for the handshake.
            opened.settimeout(_connect_wait(connection))
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "no address answered in time") from failure
    raise NewConnectionError(connection, "no address was reached") from failure


def _connect_wait(connection: HTTPConnection) -> float:
    wait = connection.timeout
    return min(wait, _bounds.left()) if isinstance(wait, float | int) else _bounds.left()


class _HTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = _BoundedTLSSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def exchange(
        self,
        verb: str,
        url: str,
        query: str,
        body: str | None,
        timeout: urllib3.Timeout,
        verify: bool | str,
    ) -> Any:
        """Send what `send` would, and return the answer as urllib3 has it, its body not yet read."""
        plain = _plain(url)
        pool: Any = self.get_connection_with_tls_context(plain, verify)
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]  # the stubs have no types for it
        return pool.urlopen(
            verb,
            f"{plain.path_url}?{query}",
            body,
            _HEADERS if body is None else _HEADERS | _OF_A_FORM,
            retries=self.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
            decode_content=False,
        )
