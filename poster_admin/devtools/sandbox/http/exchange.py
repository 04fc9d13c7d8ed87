"""Requests, answers, and the connection between them."""

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Literal

type Kind = Literal["list", "get", "write", "settings"]

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=UTF-8"
_LOOK_FOR_HANG_UP = 0.02
_SMALL = 65_536


def dump(value: object) -> bytes:
    """Return a value as the JSON of an answer: UTF-8, not escaped, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A call as it came in.

    `account` is empty if the path names none. `target` is the whole path with the token. `form` holds the
    parameters of the body, in whichever form they were sent.
    """

    verb: str
    target: str
    account: str
    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    host: str

    @property
    def token(self) -> str:
        """The token of the query; one in the body does not count."""
        return self.query.get("token", "")

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameters of query and body; the body wins. Some clients send those of a POST in the query."""
        return {**self.query, **self.form}


@dataclass(frozen=True, slots=True)
class SandboxAnswer:
    """A whole answer.

    `code` is Poster's error code in the body. `applied` is true if a write is in force, `behind` if a lagging
    replica made the answer differ from the true state.
    """

    body: bytes = b""
    status: int = 200
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()
    code: int | None = None
    applied: bool = False
    behind: bool = False

    def head(self, *, length: int | None = -1, skew: int = 0) -> bytes:
        """Return the status line and the headers; a `length` of None leaves Content-Length out.

        The clock is `skew` seconds ahead.
        """
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status)}", "Server: nginx"]
        lines.append(f"Date: {formatdate(time.time() + skew, usegmt=True)}")
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if length is not None and self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(self.body) if length < 0 else length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(slots=True)
class Connection:
    """The socket of a client, and the event that is set when the sandbox stops."""

    socket: socket.socket
    stopping: threading.Event
    open: bool = True
    skew: int = 0

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.socket.sendall(data)

    def answer(self, answer: SandboxAnswer, *, body: bool = True) -> None:
        """Send an answer. A small one goes out in one packet."""
        head = answer.head(skew=self.skew)
        if not body:
            self.send(head)
        elif len(answer.body) <= _SMALL:
            self.send(head + answer.body)
        else:
            self.send(head)
            self.send(answer.body)

    def close(self) -> None:
        """End the connection with a FIN."""
        self.open = False
        self._release()

    def reset(self) -> None:
        """End the connection with an RST."""
        self.open = False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._release()

    def hang(self, seconds: float) -> bool:
        """Send nothing for `seconds`; return False as soon as the client hangs up or the sandbox stops."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stopping.wait(min(left, _LOOK_FOR_HANG_UP)) or self._hung_up():
                return False
        return True

    def _hung_up(self) -> bool:
        try:
            readable, _, _ = select.select([self.socket], [], [], 0)
            return bool(readable) and not self.socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _release(self) -> None:
        # Close the descriptor itself: the handler's reader and writer share the socket and keep it open.
        socket.close(self.socket.detach())


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
