"""One exchange over HTTP with Poster: bounded in time and size, and without anything that remembers.

`requests` would lose money here: it follows redirects (a 307 repeats a POST), keeps cookies between accounts,
and reads proxies and `.netrc` from the environment. A pool of urllib3 does none of that. Its exceptions hold
the whole URL, with the token, so none of them leaves this module: `Transport.exchange` returns an `Answer` or
a `Failure`.

urllib3 bounds each wait on a socket but not the call, which one byte a second or an endless run of
"100 Continue" would hold for ever. So its connections have one extension, `_Bounded`: it divides what is left
of the call among the addresses of a name, and has the answer read through a file that waits no longer.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import create_urllib3_context, parse_url

MAX_BODY = 32 * 1024 * 1024
# Each account has a host of its own: with fewer, the connections to one were closed for those to another.
HOSTS = 256
# Not all that could be decoded here: these are what has its bounds tested.
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
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
    """A pool of connections for all the clients of a process. Thread-safe.

    `ca_file` names the authorities to trust instead of the usual ones.
    """

    def __init__(self, *, ca_file: str | None = None, pool_size: int = 128) -> None:
        tls = create_urllib3_context()
        tls.load_verify_locations(ca_file or certifi.where())
        self._pools = urllib3.PoolManager(HOSTS, maxsize=pool_size, ssl_context=tls)

    def close(self) -> None:
        self._pools.clear()

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
        if deadline <= time.monotonic():
            return Failure("deadline", sent=False, retryable=False)
        _deadline.set(deadline)
        try:
            pool = self._pools.connection_from_url(url)
            pool.ConnectionCls = _BoundedTLS if pool.scheme == "https" else _Bounded
            with pool.urlopen(
                verb,
                f"{parse_url(url).request_uri}?{urlencode(params)}",
                body=None if form is None else urlencode(form),
                headers=_HEADERS if form is None else _HEADERS | _OF_A_FORM,
                timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            ) as response:
                body = _body(response)
                if len(body) > MAX_BODY:
                    return Failure("too_large", sent=True, retryable=False)
                return Answer(response.status, body, _retry_after(response.headers.get("Retry-After")))
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError) as error:
            return _classify(error)


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read a body: the whole of it, or one byte more than it may have."""
    length = response.length_remaining
    if length is None or length > MAX_BODY or "Content-Encoding" in response.headers:
        return response.read(MAX_BODY + 1, decode_content=True)
    # All at once: urllib3 copies what is read up to a limit, and a long list takes half as long again.
    return response.read(decode_content=False)


def _retry_after(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None


def _classify(error: BaseException) -> Failure:
    errors = tuple(_wrapped(error))

    def is_any(*classes: type[BaseException]) -> bool:
        return any(isinstance(each, classes) for each in errors)

    # The order matters: in urllib3 NameResolutionError is a NewConnectionError is a ConnectTimeoutError.
    if is_any(LocationValueError):
        return Failure("bad_address", sent=False, retryable=False)
    if is_any(socket.gaierror):
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


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and those that it wraps: urllib3 keeps them as the cause or among the arguments.

    Not the context: an error that the caller is handling stands there too, and says nothing of this call.
    """
    yield error
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            yield from _wrapped(inner)


# --- A deadline for the whole call -------------------------------------------------------------------------

_deadline: ContextVar[float] = ContextVar("deadline of the exchange in this thread")


def _left() -> float:
    """Return the seconds that are left of the call. Raises `TimeoutError` if there are none."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Bounded(HTTPConnection):
    """A connection that takes no longer than the call may last."""

    def connect(self) -> None:
        """Connect, with a share of the time for each address and one for the TLS handshake."""
        try:
            addresses = socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
            self.timeout = min(cast("float", self.timeout), _left() / (len(addresses) + 1))
        except UnicodeError:
            raise LocationValueError("no host has such a name") from None
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no time is left to connect") from error
        super().connect()

    @staticmethod
    def response_class(  # type: ignore[override]  # anything that makes an answer out of a socket will do
        sock: socket.socket, *args: Any, **options: Any
    ) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(cast("socket.socket", _BoundedReader(sock)), *args, **options)


class _BoundedTLS(_Bounded, HTTPSConnection):
    """The same with TLS."""


class _BoundedReader(io.RawIOBase):
    """Read a socket; each wait ends with the read time-out, and at the latest with the call.

    http.client asks a socket for nothing but a file to read, so this stands in for one.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._wait = sock.gettimeout()
        self._file = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _left()
        self._socket.settimeout(left if self._wait is None else min(left, self._wait))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
