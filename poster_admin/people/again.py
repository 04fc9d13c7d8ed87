"""The same request once more: its view is asked again, past all the layers that would only decide the same.

A request that is the same as an earlier one, in every header, is led straight to its view, with what the
layers found out before. What the view makes of it is shown if every row that decided about it is the same:
the session, the person, the rights, the connection, the account, and the changes without an outcome. They are
read each time, as they are, by two queries, while Poster is awaited. Where one of them has changed, the
layers decide, and what Poster has answered meanwhile is not asked for a second time.

So a request that may no longer be answered can still put a question to Poster, a read and only once.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from groups.kept import is_kept
from groups.models import Change, Connection, PosterAccount
from groups.poster import Meanwhile, PosterError
from groups.rights import RIGHTS
from groups.services.upstream import asking_once
from poster_admin.people.models import SignIn

type GetResponse = Callable[[HttpRequest], HttpResponse]

LONGEST = 30.0
"""Seconds: after them the layers look at the clock again, and note that the session was used."""
MOST = 500
# What belongs to one body; all other headers are the layers'.
OF_A_BODY = ("Content-Encoding", "Content-Length", "Content-Type", "ETag")

# One row, or one for each change without an outcome.
_PERSON = f"""
SELECT person.id, session.*, person.*, link.*, account.*, change.*
FROM {SignIn._meta.db_table} session
JOIN auth_user person ON person.id = session.user_id
JOIN {Connection._meta.db_table} link ON link.user_id = person.id
JOIN {PosterAccount._meta.db_table} account ON account.name = link.account_id
LEFT JOIN {Change._meta.db_table} change ON change.account_id = account.name
    AND change.client_id IS NULL AND change.state IN {tuple(map(str, Change.UNSETTLED))}
WHERE session.session_key = %s
"""  # noqa: S608 - names of our own tables


@dataclass(frozen=True, slots=True)
class Known:
    """What the layers found out about a request, and what has to be so for it to be true once more."""

    facts: bytes
    until: float
    found: Mapping[str, Any] = field(repr=False)
    meta: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str]

    @property
    def is_young(self) -> bool:
        return time.monotonic() < self.until

    def response(self, request: HttpRequest) -> HttpResponse:
        """Ask the view, and add the headers of the layers. Raises what the view raises."""
        passed = self._passed(request)
        translation.activate(passed.LANGUAGE_CODE)
        view, args, kwargs = passed.resolver_match
        response: HttpResponse = view(passed, *args, **kwargs)
        for name, value in self.headers.items():
            response[name] = value
        response["Content-Length"] = str(len(response.content))
        return response

    def _passed(self, request: HttpRequest) -> Any:
        """Return the request as the layers would pass it on. A call to Poster may change its connection."""
        passed = _twin(request, **self.found)
        passed.META = passed.environ = {**request.META, **self.meta}
        passed.connection = _twin(passed.connection)
        return passed


def _twin(of: object, **attributes: Any) -> Any:
    """Return what `copy.copy` does, without the detour over what could be pickled."""
    twin = object.__new__(type(of))
    vars(twin).update(vars(of), **attributes)
    return twin


_UNKNOWN = Known(b"", 0.0, {}, {}, {})
_known: OrderedDict[bytes, Known] = OrderedDict()
_lock = threading.Lock()


def again(get_response: GetResponse) -> GetResponse:
    """Lead a request that is known to its view. Which pages allow that, they say: see `groups.kept`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        # Where the proxy signs in, it is asked each time.
        if request.method != "GET" or not session.isalnum() or settings.TRUSTED_USER_HEADER:
            return get_response(request)
        asked = _digest(_every_word(request))
        known, found = _known.get(asked), b""
        with asking_once():
            if known is not None:
                with Meanwhile(lambda: _facts(session)) as facts:
                    answer = _ask_view(known, request) if known.is_young else None
                    found = facts()
                if found != known.facts:
                    _remember(asked, _UNKNOWN)
                elif isinstance(answer, HttpResponse):
                    return answer
                elif isinstance(answer, PosterError):
                    # The layers have words for it; Poster need not fail twice.
                    request.failure = answer  # type: ignore[attr-defined]  # `groups.http.needs` raises it
                elif answer is not None:
                    raise answer
            before = dict(vars(request)), dict(request.META)
            response = get_response(request)
        if is_kept(response):
            # Whatever changed while the layers looked may have been seen, or not. The first time is a note.
            # A form's cookie that was there is sent along only to last longer.
            quiet = set(response.cookies) <= {settings.CSRF_COOKIE_NAME}
            same = known is not None and quiet and _facts(session) == found
            _remember(asked, _found_out(request, response, found, *before) if same else _UNKNOWN)
        return response

    return middleware


def _ask_view(known: Known, request: HttpRequest) -> HttpResponse | Exception:
    try:
        return known.response(request)
    except Exception as error:  # noqa: BLE001 - whether it counts, the rows will tell
        return error


def forget() -> None:
    """Forget every request."""
    with _lock:
        _known.clear()


def _every_word(request: HttpRequest) -> list[tuple[str, object]]:
    meta = request.META
    words = ("QUERY_STRING", "REMOTE_ADDR", "wsgi.url_scheme")
    headers = sorted(item for item in meta.items() if item[0].startswith("HTTP_"))
    return [("", request.path_info), *headers, *((word, meta.get(word)) for word in words)]


def _facts(session: str) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(_PERSON, [session])
        person = cursor.fetchall()
        if not person:
            return b""
        user_id = person[0][0]
        cursor.execute(RIGHTS, [user_id, user_id])
        return _digest(sorted(person), sorted(cursor.fetchall()))


def _digest(*values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogateescape"), digest_size=32).digest()


def _found_out(
    request: HttpRequest,
    response: HttpResponse,
    facts: bytes,
    named: Mapping[str, Any],
    meta: Mapping[str, Any],
) -> Known:
    """Take down what the request has now and had not before the layers."""
    return Known(
        facts,
        time.monotonic() + LONGEST,
        {name: value for name, value in vars(request).items() if named.get(name) is not value},
        {name: value for name, value in request.META.items() if meta.get(name) is not value},
        {name: value for name, value in response.items() if name not in OF_A_BODY},
    )


def _remember(asked: bytes, known: Known) -> None:
    with _lock:
        _known[asked] = known
        _known.move_to_end(asked)
        while len(_known) > MOST:
            _known.popitem(last=False)
