"""Send HTTP requests with a deadline for the whole call, and without what else `requests` does.

requests follows redirects (a 307 repeats a POST), keeps cookies between accounts, and reads proxies and
`.netrc` from the environment. `BoundedSession` does none of that.

requests and urllib3 limit each wait on a socket but not the whole call, so a server that sends one byte a
second, or "100 Continue" without end, could block a thread forever. `_Adapter` gives requests the connection
`_Bounded`, which extends urllib3's: it divides the remaining time among the addresses of a host name, and
reads the response through `_BoundedReader`, which stops at the deadline.

Through a proxy, urllib3 wraps any error of a closed connection in its `ProxyError`, also one after the
request was sent. So only `NotConnected`, raised while connecting, proves that nothing was sent.
"""

import http.client
import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError
from urllib3.util import parse_url

# Number of hosts with pooled connections. Each account has its own host; urllib3 closes the least used pools.
HOSTS = 256


class BoundedSession(requests.Session):
    """A session without the conveniences of requests. Threads may share it: no call changes it.

    Every call needs `end_at` before it, `allow_redirects=False`, and `stream=True` to bound the body.
    """

    def __init__(self, tls: ssl.SSLContext, *, proxy: str | None = None, pool_size: int = 1) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # The one that a body is unpacked from, within limits: requests would offer what it knows itself.
        self.headers["Accept-Encoding"] = "gzip"
        self.proxies = {"all": proxy} if proxy else {}
        adapter = _Adapter(tls, pool_size)
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
        options |= {"ssl_context": self._tls, "proxy_ssl_context": self._tls}
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the name and password for a proxy in UTF-8; requests knows Latin-1 alone."""
        auth = parse_url(proxy).auth
        return {"Proxy-Authorization": f"Basic {b64encode(unquote_to_bytes(auth)).decode()}"} if auth else {}

    def cert_verify(self, *args: object) -> None:
        """Leave it to `tls`: requests would add certifi's authorities to it."""


# --- A deadline for the whole call -------------------------------------------------------------------------

_deadline: ContextVar[float] = ContextVar("deadline of the call in this thread")
certificate: ContextVar[Mapping[str, object]] = ContextVar("certificate of the last new connection")


def end_at(deadline: float) -> None:
    """Let the calls of this thread end at a time of the monotonic clock."""
    _deadline.set(deadline)


def _left() -> float:
    """Return the seconds left until the deadline of the call. Raises `TimeoutError` if none are left."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class NotConnected(HTTPError):
    """No connection was made, for the reason in `__cause__`: nothing of the request was sent."""


class ProxyFailed(NotConnected):
    """The proxy could not be reached, or opened no tunnel."""


class _Bounded(HTTPConnection):
    def connect(self) -> None:
        """Connect before the deadline. Nothing of the request is sent before this returns."""
        try:
            self._share_time()
            super().connect()
        except (HTTPError, http.client.HTTPException, OSError) as error:
            # An error of TLS is the server's, behind a proxy too.
            is_of_proxy = self.proxy is not None and not isinstance(error, ssl.SSLError)
            raise (ProxyFailed if is_of_proxy else NotConnected) from error

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
    def connect(self) -> None:
        super().connect()
        certificate.set(cast("ssl.SSLSocket", self.sock).getpeercert() or {})


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
