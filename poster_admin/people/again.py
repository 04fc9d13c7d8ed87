"""The list once more: answered as before, past all the layers that would only decide the same again.

A request that is the same as an earlier one, in every header, gets the same answer as long as every row that
decided about it is the same: the session, the person, the rights, the connection, the account, and the
changes without an outcome. They are read each time, as they are, by three queries; nothing else is asked.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse

from groups.models import Change, Connection, PosterAccount
from groups.rights import RIGHTS
from poster_admin.people.models import SignIn

type GetResponse = Callable[[HttpRequest], HttpResponse]

PAGES = frozenset({"/groups/"})
LONGEST = 30.0
"""Seconds: after them the layers look at the clock again, and note that the session was used."""
MOST = 500

_PERSON = f"""
SELECT person.id, account.name, session.*, person.*, link.*, account.*
FROM {SignIn._meta.db_table} session
JOIN auth_user person ON person.id = session.user_id
JOIN {Connection._meta.db_table} link ON link.user_id = person.id
JOIN {PosterAccount._meta.db_table} account ON account.name = link.account_id
WHERE session.session_key = %s
"""  # noqa: S608, SLF001 - names of our own tables
_UNSETTLED = f"""
SELECT * FROM {Change._meta.db_table} WHERE account_id = %s AND state IN {tuple(map(str, Change.UNSETTLED))}
"""  # noqa: S608, SLF001 - as above


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, and what has to be so for it to be given again."""

    facts: bytes
    still: Callable[[], bool]
    until: float
    content: bytes
    headers: dict[str, str]
    status: int

    def holds(self, facts: bytes) -> bool:
        return self.facts == facts and time.monotonic() < self.until and self.still()

    def response(self) -> HttpResponse:
        return HttpResponse(self.content, status=self.status, headers=self.headers)


_said: OrderedDict[bytes, Said] = OrderedDict()
_lock = threading.Lock()


def again(get_response: GetResponse) -> GetResponse:
    """Answer the list as before where nothing is different. A view marks such an answer by `still`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        if request.path_info not in PAGES or not session.isalnum() or not _is_allowed(request):
            return get_response(request)
        asked, facts = _digest(_every_word(request)), _facts(session)
        said = _said.get(asked)
        if said is not None and said.holds(facts):
            return said.response()
        response = get_response(request)
        still = getattr(response, "still", None)
        # Whatever changed while the answer was made may be in it, or not.
        if still is not None and not response.cookies and _facts(session) == facts:
            _remember(asked, _said_by(response, facts, still))
        return response

    return middleware


def forget() -> None:
    """Forget every answer."""
    with _lock:
        _said.clear()


def _is_allowed(request: HttpRequest) -> bool:
    # Where the proxy signs in, it is asked each time.
    return request.method == "GET" and settings.POSTER_CACHE_SECONDS > 0 and not settings.TRUSTED_USER_HEADER


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
        user_id, account = person[0][:2]
        cursor.execute(RIGHTS, [user_id, user_id])
        rights = sorted(cursor.fetchall())
        cursor.execute(_UNSETTLED, [account])
        return _digest(person, rights, sorted(cursor.fetchall()))


def _digest(*values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogateescape"), digest_size=32).digest()


def _said_by(response: HttpResponse, facts: bytes, still: Callable[[], bool]) -> Said:
    until = time.monotonic() + LONGEST
    return Said(facts, still, until, response.content, dict(response.headers), response.status_code)


def _remember(asked: bytes, said: Said) -> None:
    with _lock:
        _said[asked] = said
        _said.move_to_end(asked)
        while len(_said) > MOST:
            _said.popitem(last=False)
