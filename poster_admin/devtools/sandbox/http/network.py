"""Addresses at which no call reaches Poster: no such host, no listener, or a TLS handshake that fails.

Each is a context manager that yields an `Endpoint`. They are no faults of a `Sandbox`, because the call fails
before a sandbox could see it.
"""

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from poster_admin.devtools.sandbox.http import certificates

_HOST = "127.0.0.1"
_PATH = "/{account}/api/"
_WAIT = 10.0
_POLL = 0.05
_EMPTY_LIST = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    b'{"response":[]}'
)
_GARBAGE = b"\x17\x03\x03\x00\x20" + bytes(range(32))

type Serve = Callable[[socket.socket, Endpoint], None]


@dataclass(slots=True)
class Endpoint:
    """An address to use as POSTER_API_URL, with counts of what arrived there.

    `requests` counts the HTTP requests that were read completely. A client that trusts `ca_file` accepts the
    certificate of the endpoint, if nothing else is wrong with it.
    """

    url: str
    ca_file: str | None = None
    connections: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note_request(self) -> None:
        with self.lock:
            self.requests += 1


@contextmanager
def unresolved() -> Iterator[Endpoint]:
    """Yield an address whose host name does not resolve."""
    yield Endpoint("https://{account}.poster.invalid/api/")


@contextmanager
def refused() -> Iterator[Endpoint]:
    """Yield a port without a listener, and hold it so that no other process takes it."""
    with socket.socket() as taken:
        taken.bind((_HOST, 0))
        yield Endpoint(f"http://{_HOST}:{taken.getsockname()[1]}{_PATH}")


@contextmanager
def full_backlog() -> Iterator[Endpoint]:
    """Yield a port whose queue of connections is full: connecting to it times out."""
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        listener.listen(0)
        waiting: list[socket.socket] = []
        try:
            while _queues(listener.getsockname(), waiting):
                continue
            yield Endpoint(f"http://{_HOST}:{listener.getsockname()[1]}{_PATH}")
        finally:
            for client in waiting:
                client.close()


@contextmanager
def untrusted_tls() -> Iterator[Endpoint]:
    """Serve TLS with a certificate of an authority that only `ca_file` knows."""
    with _tls(_answer) as endpoint:
        yield endpoint


@contextmanager
def expired_tls() -> Iterator[Endpoint]:
    """Serve TLS with a certificate that expired yesterday."""
    with _tls(_answer, expired=True) as endpoint:
        yield endpoint


@contextmanager
def wrong_name_tls() -> Iterator[Endpoint]:
    """Serve TLS with a certificate for another host."""
    with _tls(_answer, address="192.0.2.1") as endpoint:
        yield endpoint


@contextmanager
def garbage_after_request() -> Iterator[Endpoint]:
    """Serve good TLS (trust `ca_file`), read the request, and answer with a record that cannot be decrypted.

    To the client this looks like a failed handshake, although the request has arrived.
    """
    with _tls(_answer_garbage) as endpoint:
        yield endpoint


@contextmanager
def closes_in_handshake() -> Iterator[Endpoint]:
    """Close each connection after the first message of the TLS handshake."""
    with _listening("https", _hang_up) as endpoint:
        yield endpoint


@contextmanager
def plain_http() -> Iterator[Endpoint]:
    """Answer in plain HTTP at an https address."""
    with _listening("https", _answer_plain) as endpoint:
        yield endpoint


@contextmanager
def _tls(serve: Serve, *, address: str = _HOST, expired: bool = False) -> Iterator[Endpoint]:
    with tempfile.TemporaryDirectory() as folder:
        identity = certificates.identity(Path(folder), address=address, expired=expired)

        def handshake(connection: socket.socket, endpoint: Endpoint) -> None:
            with identity.context.wrap_socket(connection, server_side=True) as secure:
                serve(secure, endpoint)

        with _listening("https", handshake) as endpoint:
            endpoint.ca_file = str(identity.ca_file)
            yield endpoint


@contextmanager
def _listening(scheme: str, serve: Serve) -> Iterator[Endpoint]:
    with socket.create_server((_HOST, 0)) as listener:
        endpoint = Endpoint(f"{scheme}://{_HOST}:{listener.getsockname()[1]}{_PATH}")
        ended = threading.Event()
        # Closing the listener would not wake a thread that waits for a connection.
        listener.settimeout(_POLL)
        accepting = threading.Thread(target=_accept, args=(listener, ended, endpoint, serve), daemon=True)
        accepting.start()
        try:
            yield endpoint
        finally:
            ended.set()
            accepting.join(_WAIT)


def _accept(listener: socket.socket, ended: threading.Event, endpoint: Endpoint, serve: Serve) -> None:
    while not ended.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        endpoint.connections += 1
        threading.Thread(target=_serve, args=(connection, endpoint, serve), daemon=True).start()


def _serve(connection: socket.socket, endpoint: Endpoint, serve: Serve) -> None:
    # Ignore that the client breaks off: it is meant to, and the test looks at the client.
    with suppress(OSError), connection:
        connection.settimeout(_WAIT)
        serve(connection, endpoint)


def _answer(connection: socket.socket, endpoint: Endpoint) -> None:
    if _read_request(connection):
        endpoint.note_request()
        connection.sendall(_EMPTY_LIST)


def _answer_garbage(connection: socket.socket, endpoint: Endpoint) -> None:
    if isinstance(connection, ssl.SSLSocket) and _read_request(connection):
        endpoint.note_request()
        # Write past the TLS layer, which would encrypt the bytes.
        with socket.socket(fileno=connection.detach()) as bare:
            bare.sendall(_GARBAGE)
            bare.shutdown(socket.SHUT_WR)
            bare.recv(1)


def _hang_up(connection: socket.socket, _endpoint: Endpoint) -> None:
    connection.recv(4096)


def _answer_plain(connection: socket.socket, _endpoint: Endpoint) -> None:
    # Answer at once, without parsing: a TLS greeting is no HTTP request.
    connection.recv(4096)
    connection.sendall(_EMPTY_LIST)


def _read_request(connection: socket.socket) -> bool:
    """Read one request, headers and body; return True if it was complete."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65_536)):
            return False
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        if not (more := connection.recv(65_536)):
            return False
        body += more
    return True


def _queues(address: tuple[str, int], waiting: list[socket.socket]) -> bool:
    """Open one more connection; return False when the kernel lets it wait."""
    client = socket.socket()
    waiting.append(client)
    client.settimeout(0.2)
    try:
        client.connect(address)
    except TimeoutError:
        return False
    return True
