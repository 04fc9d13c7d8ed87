"""Exchange one HTTP request and response with Poster, limited in time and size and without stored state.

`requests` sends it, and `_Session` switches off what is dangerous here: requests follows redirects (a 307
repeats a POST), keeps cookies between accounts, and reads proxies and `.netrc` from the environment. The
exceptions of requests and urllib3 hold the whole URL with the token, so none of them leaves this module:
`Transport.exchange` returns an `Answer` or a `Failure`.

requests and urllib3 limit each wait on a socket but not the whole call, so a server that sends one byte a
second, or "100 Continue" without end, could block a thread forever. `_Adapter` gives requests the connection
`_Bounded`, which extends urllib3's: it divides the remaining time among the addresses of a host name, and
reads the response through `_BoundedReader`, which stops at the deadline.

Through a proxy, urllib3 wraps any error of a closed connection in its `ProxyError`, also one after the
request was sent. So only `_ProxyFailed`, raised while connecting, proves that nothing was sent.
"""

import http.client
import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)
from urllib3.util import create_urllib3_context, parse_url

from groups.poster.errors import ErrorReason

MAX_BODY = 32 * 1024 * 1024
# Number of hosts with pooled connections. Each account has its own host; urllib3 closes the least used pools.
HOSTS = 256
# Every error of an exchange: those of requests are OSErrors, and http.client raises ValueError if a chunk of
# the body has a negative length.
_ERRORS = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


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
    """A response: the status, the decoded body, and `Retry-After` in seconds if it is a number."""

    status: int
    body: bytes
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable response came. `sent` is False only if the request certainly never left this machine.

    `detail` says more about a certificate that was not accepted, in OpenSSL's words.
    """

    reason: str
    sent: bool
    retryable: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer of a server to a connection: its clock, and the end of its certificate if it has one."""

    date: str
    certificate_until: datetime | None


class Transport:
    """A thread-safe connection pool for all `PosterClient` objects of a process.

    `ca_file` is a file with the certificate authorities to trust instead of certifi's. `proxy` is the address
    of an HTTP proxy, `http://name:password@host:port`; TLS goes through it in a tunnel (CONNECT).
    """

    def __init__(self, *, ca_file: str | None = None, proxy: str | None = None, pool_size: int = 128) -> None:
        tls = create_urllib3_context()
        tls.load_verify_locations(ca_file or certifi.where())
        self._session = _Session(_Adapter(tls, pool_size), proxy)

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
    ) -> Answer | Failure:
        """Send one request and read its response until `deadline` on the monotonic clock."""
        if deadline <= time.monotonic():
            return Failure(ErrorReason.DEADLINE, sent=False, retryable=False)
        _deadline.set(deadline)
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
                    return Failure(ErrorReason.TOO_LARGE, sent=True, retryable=False)
                return Answer(response.status_code, body, _retry_after(response.headers.get("Retry-After")))
        except _ERRORS as error:
            return _classify(error)

    def probe(self, url: str, timeouts: Timeouts) -> Probe | Failure:
        """Ask a server for its headers, without a token. Only a new connection shows its certificate."""
        _deadline.set(time.monotonic() + timeouts.read_deadline)
        _certificate.set({})
        try:
            timeout = (timeouts.connect, timeouts.read)
            with self._session.head(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                return Probe(response.headers.get("Date", ""), _certificate_until())
        except _ERRORS as error:
            return _classify(error)


def _certificate_until() -> datetime | None:
    until = _certificate.get().get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC) if until else None


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read the body, but no more than one byte above `MAX_BODY`."""
    length = response.length_remaining
    if length is None or length > MAX_BODY or "Content-Encoding" in response.headers:
        return response.read(MAX_BODY + 1, decode_content=True)
    # Read without a limit: with one, urllib3 copies the data, and a long list takes half as long again.
    return response.read(decode_content=False)


def _retry_after(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None


def _classify(error: BaseException) -> Failure:
    errors = tuple(_wrapped(error))
    for kinds, failure in _failures():
        found = next((each for each in errors if isinstance(each, kinds)), None)
        if isinstance(found, ssl.SSLCertVerificationError):
            return replace(failure, detail=found.verify_message)
        if found:
            return failure
    return Failure(ErrorReason.CONNECTION_LOST, sent=True)


def _failures() -> Iterator[tuple[tuple[type[BaseException], ...], Failure]]:
    """Yield classes of errors with their meaning. The first match decides."""
    yield (ssl.SSLCertVerificationError,), Failure(ErrorReason.CERTIFICATE, sent=False, retryable=False)
    # Before its causes, so that an unreachable proxy is not taken for an unreachable Poster.
    yield (_ProxyFailed,), Failure(ErrorReason.PROXY, sent=False)
    # Subclasses first: NameResolutionError < NewConnectionError < ConnectTimeoutError in urllib3.
    yield (
        (LocationValueError, InvalidURL, InvalidSchema, MissingSchema),
        Failure(ErrorReason.BAD_ADDRESS, sent=False, retryable=False),
    )
    yield (socket.gaierror,), Failure(ErrorReason.NAME_NOT_FOUND, sent=False)
    yield (NewConnectionError,), Failure(ErrorReason.REFUSED, sent=False)
    yield (ConnectTimeoutError,), Failure(ErrorReason.CONNECT_TIMEOUT, sent=False)
    # Any other TLS error may have occurred after Poster read the request.
    yield (ssl.SSLError,), Failure(ErrorReason.TLS, sent=True)
    yield (DecodeError,), Failure(ErrorReason.BAD_ENCODING, sent=True, retryable=False)
    yield (ReadTimeoutError, TimeoutError), Failure(ErrorReason.TIMEOUT, sent=True)


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that it wraps; urllib3 stores them as the cause or as arguments.

    Ignore `__context__`: it may be an unrelated error that the caller is handling.
    """
    yield error
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            yield from _wrapped(inner)


# --- requests, without its conveniences --------------------------------------------------------------------


class _Session(requests.Session):
    """A session without the conveniences of requests. All threads share it: no call changes it."""

    def __init__(self, adapter: HTTPAdapter, proxy: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # requests would offer Brotli too, where it is installed: the size limit is tested with these two.
        self.headers["Accept-Encoding"] = "gzip, deflate"
        self.proxies = {"all": proxy} if proxy else {}
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect: requests reads the whole body of one, of any size, also without following it."""


class _Adapter(HTTPAdapter):
    """Send through bounded connections, once, trusting the authorities of `tls` alone."""

    def __init__(self, tls: ssl.SSLContext, pool_size: int) -> None:
        self._tls = tls
        super().__init__(HOSTS, pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(
            proxy, **options, ssl_context=self._tls, proxy_ssl_context=self._tls
        )
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the name and password for a proxy in UTF-8; requests knows Latin-1 alone."""
        auth = parse_url(proxy).auth
        return {"Proxy-Authorization": f"Basic {b64encode(unquote_to_bytes(auth)).decode()}"} if auth else {}

    def cert_verify(self, *args: object) -> None:
        """Leave it to `tls`: requests would add certifi's authorities to those of `ca_file`."""


# --- A deadline for the whole call -------------------------------------------------------------------------

_deadline: ContextVar[float] = ContextVar("deadline of the exchange in this thread")
_certificate: ContextVar[Mapping[str, object]] = ContextVar("certificate of the last new connection")


def _left() -> float:
    """Return the seconds left until the deadline of the call. Raises `TimeoutError` if none are left."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _ProxyFailed(ProxyError):
    """The proxy could not be reached, or opened no tunnel: the request was not sent."""


class _Bounded(HTTPConnection):
    """A connection that respects the deadline of the call."""

    def connect(self) -> None:
        """Connect before the deadline. Nothing of the request is sent before this returns."""
        try:
            self._share_time()
            super().connect()
        except ssl.SSLError:
            raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            if self.proxy is None:
                raise
            raise _ProxyFailed("no connection through the proxy", error) from error

    def _share_time(self) -> None:
        """Give each address of the host an equal share of the time left, and the TLS handshake one more."""
        try:
            addresses = socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
            self.timeout = min(cast("float", self.timeout), _left() / (len(addresses) + 1))
        except UnicodeError:
            raise LocationValueError("no host has such a name") from None
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no time is left to connect") from error

    @staticmethod
    def response_class(  # type: ignore[override]  # http.client only calls it with a socket
        sock: socket.socket, *args: Any, **options: Any
    ) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(cast("socket.socket", _BoundedReader(sock)), *args, **options)


class _BoundedTLS(_Bounded, HTTPSConnection):
    """A TLS connection that respects the deadline of the call."""

    def connect(self) -> None:
        super().connect()
        _certificate.set(cast("ssl.SSLSocket", self.sock).getpeercert() or {})


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _BoundedTLS


_POOLS = {"http": _Pool, "https": _PoolTLS}


class _BoundedReader(io.RawIOBase):
    """Read from a socket; each wait ends at the read timeout or at the deadline of the call.

    `http.client` calls only `makefile` of a socket, so this object can replace one.
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
