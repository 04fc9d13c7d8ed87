"""Run a WSGI application over ASGI: a request gets a thread only after it has arrived completely.

A WSGI server gives a request a thread as soon as its header is there: 256 clients that send their body byte
by byte would block every page. So an event loop receives the bodies, each within a deadline and a limit:
docs/adr/0008-receive-before-a-thread.md.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

type Work = Callable[[], object]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

THREADS = 64
"""Started as needed. Up to 48 wait for Poster (`groups.services.gateway`), the others serve the rest."""
BODY_SECONDS = 30.0
LARGEST_BODY = 4 * 1024 * 1024
"""The same as in `deploy/nginx.conf`. Django has lower limits, with clear messages."""
ALL_BODIES = 64 * 1024 * 1024
"""Limit for the bodies of one process, each counted from its first byte to the answer."""
PIECE = 1024 * 1024

WORKS = "poster_admin.left_over"
"""The key of a request's META under which the server has the list of what is left over."""
left_over: ContextVar[list[Work] | None] = ContextVar("left_over", default=None)
"""The work that the server does after the response; None in requests that write, and without a server."""


class Refusal(Exception):
    """Keeps a request from the application; its argument is the status of the answer."""


class ThreadedApplication:
    def __init__(self, wsgi: "WSGIApplication") -> None:
        self._wsgi = wsgi
        self._threads = ThreadPoolExecutor(THREADS, "request")
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body, loop = BytesIO(), asyncio.get_running_loop()

        async def send_all(messages: list[Message]) -> None:
            for message in messages:
                await send(message)

        def send_now(messages: list[Message]) -> None:
            asyncio.run_coroutine_threadsafe(send_all(messages), loop).result()

        try:
            if scope["method"] not in {"GET", "HEAD"}:
                await self._receive(receive, body)
            environ = environ_of(scope, body)
            await send_all(await loop.run_in_executor(self._threads, _run, self._wsgi, environ, send_now))
        except Refusal as refusal:
            # The connection is closed: the body may not be read.
            headers = [(b"content-type", b"text/plain"), (b"connection", b"close"), (b"retry-after", b"30")]
            status: HTTPStatus = refusal.args[0]
            await send({"type": "http.response.start", "status": status.value, "headers": headers})
            await send(_body(f"{status.value} {status.phrase}\n".encode()))
        finally:
            self._held -= len(body.getbuffer())

    async def _receive(self, receive: Receive, body: BytesIO) -> None:
        """Fill `body`. Raises `Refusal` if that takes too long or exceeds the limit."""
        more = True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(HTTPStatus.BAD_REQUEST)
                    self._held += body.write(message.get("body", b""))
                    if body.tell() > LARGEST_BODY:
                        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                    if self._held > ALL_BODIES:
                        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT) from None


def _run(
    wsgi: "WSGIApplication", environ: dict[str, Any], send_now: Callable[[list[Message]], None]
) -> list[Message]:
    """Run the application; return the messages still to be sent, usually the whole answer."""
    messages: list[Message] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _: object = None
    ) -> Callable[[bytes], object]:
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        messages[:] = [{"type": "http.response.start", "status": int(status[:3]), "headers": encoded}]
        return piece.extend

    piece = bytearray()
    works: list[Work] = []
    # A request that writes has done all of its work before it is answered.
    reset = left_over.set(works if environ["REQUEST_METHOD"] == "GET" else None)
    environ[WORKS] = works
    try:
        parts = wsgi(environ, start_response)
    finally:
        left_over.reset(reset)
    try:
        for part in parts:
            piece += part
            if len(piece) > PIECE:
                send_now([*messages, _body(piece, more=True)])
                messages.clear()
                piece.clear()
        messages.append(_body(piece))
        if works:
            send_now(messages)
            messages.clear()
        for work in works:
            work()
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return messages


def _body(content: bytes | bytearray, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": bytes(content), "more_body": more}


def environ_of(scope: Message, body: BytesIO) -> dict[str, Any]:
    """Return the WSGI environ of a request (PEP 3333), without headers that have an underscore."""
    length = body.tell()
    body.seek(0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for key, value in scope["headers"]:
        if b"_" in key:
            continue
        name, text = key.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        if name == "CONTENT_TYPE":
            environ[name] = text
        elif name != "CONTENT_LENGTH":
            name = f"HTTP_{name}"
            joint = ";" if name == "HTTP_COOKIE" else ","
            environ[name] = f"{environ[name]}{joint}{text}" if name in environ else text
    return environ


def afterwards(work: Work) -> None:
    """Do the work after the response to a GET of the server, or else at once."""
    works = left_over.get()
    if works is None:
        work()
    else:
        works.append(work)


def reads_only(request: HttpRequest) -> None:
    """Let a POST that writes nothing leave work as a GET does: it asks for what stays out of addresses."""
    left_over.set(request.META.get(WORKS, left_over.get()))


def can_wait() -> bool:
    return left_over.get() is not None
