"""Exchange one HTTP request and response with Poster, limited in time and size and without stored state.

The exceptions of requests and urllib3 hold the whole URL with the token, so none of them leaves this module:
`Transport.exchange` returns an `Answer` or a `TransportFailure`.
"""

import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import certifi
import urllib3
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import create_urllib3_context

from groups.poster.bounded import BoundedSession, ProxyFailed, certificate, end_at
from groups.poster.errors import ErrorReason

MAX_BODY = 32 * 1024 * 1024
# Servers send one; the format allows any number.
MEMBERS_AT_MOST = 16
GZIP = b"\x1f\x8b"
# Connections that are kept to one host.
POOL_SIZE = 128
# Every error of an exchange: those of requests are OSErrors, and http.client raises ValueError if a chunk of
# the body has a negative length.
ERRORS = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError, zlib.error)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: of a connect, of one wait for data, and of a whole read or write with retries.

    A second attempt comes after a pause between these two.
    """

    connect: float = 3.0
    read: float = 8.0
    read_deadline: float = 12.0
    write_deadline: float = 15.0
    pause: tuple[float, float] = (0.05, 0.2)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: the status, the decoded body, `Retry-After` in seconds if it is a number, and `Date`."""

    status: int
    body: bytes
    retry_after: int | None = None
    date: str = ""


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No usable response came. `sent` is False only if the request certainly never left this machine.

    `detail` says more about a certificate that was not accepted, in OpenSSL's words.
    """

    reason: str
    sent: bool
    retryable: bool = True
    detail: str = ""


# Classes of errors with their meaning. The first match decides.
FAILURES: tuple[tuple[tuple[type[BaseException], ...], TransportFailure], ...] = (
    ((ssl.SSLCertVerificationError,), TransportFailure(ErrorReason.CERTIFICATE, sent=False, retryable=False)),
    # Before its causes, so that an unreachable proxy is not taken for an unreachable Poster.
    ((ProxyFailed,), TransportFailure(ErrorReason.PROXY, sent=False)),
    # Subclasses first: NameResolutionError < NewConnectionError < ConnectTimeoutError in urllib3.
    (
        (LocationValueError, InvalidURL, InvalidSchema, MissingSchema),
        TransportFailure(ErrorReason.BAD_ADDRESS, sent=False, retryable=False),
    ),
    ((socket.gaierror,), TransportFailure(ErrorReason.NAME_NOT_FOUND, sent=False)),
    ((NewConnectionError,), TransportFailure(ErrorReason.REFUSED, sent=False)),
    ((ConnectTimeoutError,), TransportFailure(ErrorReason.CONNECT_TIMEOUT, sent=False)),
    # Any other TLS error may have occurred after Poster read the request.
    ((ssl.SSLError,), TransportFailure(ErrorReason.TLS, sent=True)),
    ((DecodeError, zlib.error), TransportFailure(ErrorReason.BAD_ENCODING, sent=True, retryable=False)),
    ((ReadTimeoutError, TimeoutError), TransportFailure(ErrorReason.TIMEOUT, sent=True)),
)


@dataclass(frozen=True, slots=True)
class Probe:
    date: str
    certificate_until: datetime | None


class Transport:
    """A thread-safe connection pool for all `PosterClient` objects of a process.

    `ca_file` is a file with the certificate authorities to trust instead of certifi's. `proxy` is the address
    of an HTTP proxy, `http://name:password@host:port`; TLS goes through it in a tunnel (CONNECT).
    """

    def __init__(self, *, ca_file: str | None = None, proxy: str | None = None) -> None:
        tls = create_urllib3_context()
        tls.load_verify_locations(ca_file or certifi.where())
        self._session = BoundedSession(tls, proxy=proxy, pool_size=POOL_SIZE)

    def close(self) -> None:
        self._session.close()

    def exchange(
        self,
        verb: str,
        url: str,
        *,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeouts: Timeouts,
        deadline: float,
    ) -> Answer | TransportFailure:
        if deadline <= time.monotonic():
            return TransportFailure(ErrorReason.DEADLINE, sent=False, retryable=False)
        end_at(deadline)
        try:
            with self._session.request(
                verb,
                url,
                params=params,
                data=form,
                timeout=(timeouts.connect, timeouts.read),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _body(response.raw)
                if len(body) > MAX_BODY:
                    return TransportFailure(ErrorReason.TOO_LARGE, sent=True, retryable=False)
                wait = response.headers.get("Retry-After", "")
                seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None
                return Answer(response.status_code, body, seconds, response.headers.get("Date", ""))
        except ERRORS as error:
            return classify(error)

    def probe(self, url: str, timeouts: Timeouts) -> Probe | TransportFailure:
        """Ask a server for its headers, without a token. Only a new connection shows its certificate."""
        end_at(time.monotonic() + timeouts.read_deadline)
        certificate.set({})
        try:
            timeout = (timeouts.connect, timeouts.read)
            with self._session.head(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                until = certificate.get().get("notAfter")
                ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC) if until else None
                return Probe(response.headers.get("Date", ""), ends_at)
        except ERRORS as error:
            return classify(error)


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read and unpack the body, but no more than one byte above `MAX_BODY` of either."""
    length = response.length_remaining
    # Read without a limit where the length is known: with one, urllib3 copies the data, and a long list takes
    # half as long again.
    most = MAX_BODY + 1 if length is None or length > MAX_BODY else None
    body = response.read(most, decode_content=False)
    if response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip"):
        return _unpacked(body)
    return body


def _unpacked(body: bytes) -> bytes:
    """Unpack gzip, of few members: each copies what follows it, so that many take quadratic time."""
    found = b""
    for _member in range(MEMBERS_AT_MOST):
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        found += unpacker.decompress(body, MAX_BODY + 1 - len(found))
        body = unpacker.unused_data
        if len(found) > MAX_BODY or not body.startswith(GZIP):
            return found
    raise DecodeError("too many members")


def classify(error: BaseException) -> TransportFailure:
    """Return the meaning of an error of `ERRORS`, without the error."""
    errors = tuple(_wrapped(error))
    for kinds, failure in FAILURES:
        found = next((each for each in errors if isinstance(each, kinds)), None)
        if isinstance(found, ssl.SSLCertVerificationError):
            return replace(failure, detail=found.verify_message)
        if found:
            return failure
    return TransportFailure(ErrorReason.CONNECTION_LOST, sent=True)


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes; `__context__` may be an unrelated one that the caller is handling."""
    yield error
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            yield from _wrapped(inner)
