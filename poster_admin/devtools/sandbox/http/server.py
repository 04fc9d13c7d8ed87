"""The HTTP server: it turns bytes into a `SandboxRequest` and passes it on with the connection."""

import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from poster_admin.devtools.sandbox.http.exchange import Connection, SandboxRequest
from poster_admin.devtools.sandbox.http.request_body import parameters

_LARGEST_BODY = 1_000_000
_LAST_THREADS = 2.0


class Application(Protocol):
    """The interface that the server calls."""

    stopping: threading.Event

    def serve(self, request: SandboxRequest, connection: Connection) -> None:
        """Answer a call of the API."""

    def control(
        self, verb: str, path: str, query: Mapping[str, str], body: bytes, connection: Connection
    ) -> None:
        """Answer a call that steers the sandbox itself."""


class Handler(BaseHTTPRequestHandler):
    """A connection with any number of requests.

    Answers go out in one piece, and all other writes are buffered: unbuffered, each answer on a connection
    that is kept alive would wait 40 ms for the client's delayed acknowledgement.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "Server"

    def respond(self) -> None:
        """Answer a request of any verb."""
        body = self._body()
        if body is None:
            return
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        connection = Connection(self.connection, self.server.application.stopping)
        if split.path.startswith("/_sandbox/"):
            self.server.application.control(self.command, split.path, query, body, connection)
        else:
            account, method = _route(split.path)
            self.server.application.serve(
                SandboxRequest(
                    verb=self.command,
                    target=self.path,
                    account=account,
                    method=method,
                    query=query,
                    form=parameters(self.headers, body),
                    body=body,
                    host=self.headers.get("Host", ""),
                ),
                connection,
            )
        if not connection.open:
            self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        # Serve every verb: http.server looks for do_GET, do_POST and so on.
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        """Send 100 Continue, which curl waits for before a long body, and flush it out of the buffer."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Log nothing: a request line holds the token."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(411)
            self.close_connection = True
            return None
        if int(length) > _LARGEST_BODY:
            self.send_error(413)
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # Drop it: the client hung up in the middle of the body, and half of a form is no call.
            self.close_connection = True
            return None
        return body


class Server(ThreadingMixIn, TCPServer):
    """A TCP server with one thread a connection; all threads end with the server."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host: str, port: int, application: Application) -> None:
        self.application = application
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._wake, self._alarm = socket.socketpair()

    @property
    def port(self) -> int:
        """The port that is listened on, also if port 0 requested any free one."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Accept connections in a thread of its own."""
        self._accepting.start()

    def stop(self) -> None:
        """Stop listening, and end every connection that is open."""
        self._wake.close()
        self._accepting.join(_LAST_THREADS)
        self._alarm.close()
        self.server_close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            # Ignore a connection that its own thread has closed meanwhile.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        # Wait on a socket pair, so that a stop takes effect at once: serve_forever() polls for it.
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._alarm, selectors.EVENT_READ)
            while all(key.fileobj is not self._alarm for key, _ in selector.select()):
                self.handle_request()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it ends."""
        with self._lock:
            self._connections.add(request)
        try:
            # Ignore a client that hangs up in the middle: half of the faults provoke it.
            with suppress(ConnectionError, TimeoutError):
                super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(request)


def _route(path: str) -> tuple[str, str]:
    """Return account and method of a path; the method is empty for a path outside of the API."""
    match path.split("/"):
        case ["", "api", method]:
            return "", method
        case ["", account, "api", method] if account:
            return account, method
    return "", ""
