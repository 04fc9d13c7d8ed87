"""Pages that are kept: one whose every ingredient is the same as before is not made again.

A page is kept packed, under all that it depends on: address, session, person and rights, the connection,
and what the view adds. The same digest is its `ETag`. Pages behind the sign-in are `no-store`, so a browser
asks without it; for anything else that asks again the answer is 304.

Packing does not open the CSRF token to guessing by length (BREACH): each page that is made has its token
under a mask of its own and a padding of random length, and a page that is kept never differs at all.
"""

import gzip
import hashlib
import io
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import brotli
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language

KEPT_BYTES = 4 * 1024 * 1024
LONGEST_PADDING = 100
_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$")


class Shelf:
    """The pages that this process keeps: those used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pages: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: str, page: bytes) -> None:
        with self._lock:
            self._size += len(page) - len(self._pages.pop(key, b""))
            self._pages[key] = page
            while self._size > self._limit:
                self._size -= len(self._pages.popitem(last=False)[1])


shelf = Shelf(KEPT_BYTES)


def kept(request: HttpRequest, *depends: object, render: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the page from the shelf, or render it and put it there.

    Its mark says that the same request may come straight to the view the next time.
    """
    # A message is shown once, and a browser without the cookie gets one with its page.
    if len(get_messages(request)) or "CSRF_COOKIE" not in request.META:
        return render()
    encoding = _encoding(request)
    key = _digest(request, (*depends, encoding))
    mark = f'W/"{key}"'
    if mark in request.headers.get("If-None-Match", ""):
        return _marked(HttpResponseNotModified(headers={"ETag": mark}))
    page = shelf.get(key)
    if page is None:
        made = render()
        if made.status_code != 200:
            return made
        page = ENCODINGS[encoding](made.content) if encoding else made.content
        shelf.put(key, page)
    response = HttpResponse(page, headers={"ETag": mark})
    if encoding:
        response["Content-Encoding"] = encoding
    patch_vary_headers(response, ("Accept-Encoding", "Cookie", "Accept-Language"))
    return _marked(response)


def is_kept(response: HttpResponse) -> bool:
    """Say whether a response came from `kept`: it depends on the request, rows and Poster alone."""
    return hasattr(response, "is_kept")


def _marked(response: HttpResponse) -> HttpResponse:
    response.is_kept = True  # type: ignore[attr-defined]  # our own, for whoever is before the layers
    return response


def _encoding(request: HttpRequest) -> str:
    """Return the best of our encodings that the browser takes, or nothing."""
    accepted = request.headers.get("Accept-Encoding", "").split(",")
    names = {each.partition(";")[0].strip() for each in accepted if not _REFUSED.search(each)}
    return next((name for name in ENCODINGS if name in names), "")


def _brotli(body: bytes) -> bytes:
    # RFC 7932, 9.2: behind the text a block of metadata, with its length less one, and an empty last one.
    # A window of 64 kB holds a page, and is sooner made than the usual 4 MB.
    packer, padding = brotli.Compressor(quality=7, lgwin=16), _padding()
    head = (0b010110 | (len(padding) - 1) << 6).to_bytes(2, "little")
    return b"".join((packer.process(body), packer.flush(), head, padding, b"\x03"))


def _gzip(body: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(_padding().decode(), "wb", 5, packed, mtime=0) as file:
        file.write(body)
    return packed.getvalue()


def _padding() -> bytes:
    return secrets.token_urlsafe(LONGEST_PADDING)[: 1 + secrets.randbelow(LONGEST_PADDING)].encode()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {"br": _brotli, "gzip": _gzip}


def _digest(request: HttpRequest, depends: tuple[object, ...]) -> str:
    return _hash((asked_by(request), *map(_shown, depends)))


def asked_by(request: Any) -> str:
    """Return what every page depends on: who asks, for which address, and what they may do and are told.

    A request that came past the layers brings it along.
    """
    known: str | None = getattr(request, "asked_by", None)
    if known is None:
        known = request.asked_by = _hash(_ingredients(request))
    return known


def _ingredients(request: Any) -> tuple[object, ...]:
    # An error may be told before anybody has looked who asks.
    session, someone = getattr(request, "session", {}), getattr(request, "user", None)
    user = someone if someone is not None and someone.is_authenticated else None
    connection = getattr(user, "connection", None)
    return (
        request.get_full_path(),
        request.headers.get("HX-Request"),
        request.headers.get("HX-Target"),
        request.headers.get("HX-History-Restore-Request"),
        request.META.get("CSRF_COOKIE"),
        get_language(),
        timezone.get_current_timezone_name(),
        sorted(session.items()),
        user and sorted(user.get_all_permissions()),
        *map(_shown, (user, connection, connection and connection.account)),
    )


def _hash(values: tuple[object, ...]) -> str:
    return hashlib.blake2b(repr(values).encode(), digest_size=16).hexdigest()


def _shown(value: Any) -> object:
    """Return what a value says; one column more in a model is one more here."""
    if not isinstance(value, Model):
        return value
    fields = value._meta.concrete_fields
    return [getattr(value, field.attname) for field in fields]
