"""A receiver of webhooks on loopback that fails in the ways in which receivers fail."""

import json
import socket
import threading
import time
from contextlib import suppress

PATIENCE = 15


class Receiver:
    """Take requests on a port of this machine. `answer` is what it sends back, or a function of the socket.

    `requests` are pairs of headers, in lower case, and the body as it came.
    """

    def __init__(self, *, tls=None, place=("127.0.0.1", 0)):
        self.requests = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self._tls = tls
        self._listener = socket.create_server(place)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/hook?channel=7"

    @property
    def bodies(self):
        return [json.loads(body) for _headers, body in self.requests]

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _run(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError, ValueError), connection:
            if self._tls:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self._take(encrypted)
            else:
                self._take(connection)

    def _take(self, connection):
        self.requests.append(_read(connection))
        if callable(self.answer):
            self.answer(connection)
        else:
            connection.sendall(self.answer)


def _read(connection):
    with connection.makefile("rb") as file:
        first = file.readline().decode().strip()
        headers = {"": first}
        while line := file.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "content-length" not in headers:
            raise ValueError("no request of HTTP")
        return headers, file.read(int(headers["content-length"]))


# --- Answers that are none ---------------------------------------------------------------------------------


def silence(connection):
    """Say nothing until the other side goes."""
    connection.settimeout(PATIENCE)
    connection.recv(1)


def slow_drip(connection):
    """Send a header without an end, one byte at a time."""
    connection.sendall(b"HTTP/1.1 ")
    for _ in range(int(PATIENCE / 0.05)):
        time.sleep(0.05)
        connection.sendall(b"x")


def endless_interim(connection):
    """Say without an end that the request goes on."""
    while True:
        time.sleep(0.001)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def hang_up(connection):
    """Close the connection without a word."""


def huge(connection):
    """Begin a good answer that is larger than any memory."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def redirect_to(address):
    """Return an answer that leads elsewhere."""
    return f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()
