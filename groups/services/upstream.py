"""Every call to Poster passes through here: the client, its log lines, and what a failure teaches us."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from groups.crypto import SecretUnreadable
from groups.logs import request_id, write
from groups.metrics import CALLS, SECONDS
from groups.models import Connection, PosterAccount
from groups.poster import CallReport, PosterClient, Timeouts, TokenRejected, Transport, Unreachable
from groups.services.gate import Gate
from groups.timing import poster_time

if TYPE_CHECKING:
    from groups.poster import PosterError

log = logging.getLogger("groups.poster")

# The breaker keeps a dead Poster from holding every worker, so only failures that held one count.
SLOW = 1.0
FAILURES_TO_OPEN = 5
FAILURE_WINDOW = timedelta(seconds=30)
REST = timedelta(seconds=15)


@cache
def transport() -> Transport:
    """Return the one pool of connections of this process."""
    return Transport()


def client(account: str, token: str, *, person: int, bonus_in_kopecks: bool = False) -> PosterClient:
    """Return a client by the settings. Raises ValueError for what is not an account's login."""
    return PosterClient(
        account,
        token,
        url=settings.POSTER_API_URL,
        timeouts=Timeouts(
            connect=settings.POSTER_CONNECT_TIMEOUT,
            read=settings.POSTER_READ_TIMEOUT,
            read_deadline=settings.POSTER_READ_DEADLINE,
            write_deadline=settings.POSTER_WRITE_DEADLINE / 2,
        ),
        bonus_in_kopecks=bonus_in_kopecks,
        transport=Gate(transport(), account, person),
        on_call=_report,
    )


def ask[T](connection: Connection, question: Callable[[PosterClient], T]) -> T:
    """Put a question to Poster with a user's own token, and remember how it went.

    Raises a `PosterError`: `Unreachable` with the reason "resting" while the breaker is open, and
    `TokenRejected` with the reason "unreadable" where the stored token cannot be decrypted; neither of them
    calls Poster.
    """
    _let_through(connection)
    poster = client(
        connection.account_id,
        _token(connection),
        person=connection.user_id,
        bonus_in_kopecks=connection.account.bonus_unit == PosterAccount.BonusUnit.KOPECKS,
    )
    started = time.monotonic()
    try:
        answer = question(poster)
    except TokenRejected:
        _update(connection, refused_at=connection.refused_at or timezone.now())
        raise
    except Unreachable as error:
        _count_failure(connection, error, time.monotonic() - started)
        raise
    if connection.refused_at or connection.failures or connection.closed_until:
        _update(connection, refused_at=None, failures=0, failing_since=None, closed_until=None)
    return answer


def check_token(connection: Connection) -> None:
    """Raise `TokenRejected` where Poster has refused the token: what is kept here is not for its user."""
    if connection.refused_at:
        raise TokenRejected(None, "the token was refused", reason="refused_before")


def _token(connection: Connection) -> str:
    try:
        return connection.token.reveal()
    except SecretUnreadable:
        log.exception("The token of connection %s cannot be decrypted", connection.pk)
    raise TokenRejected(None, "the stored token cannot be read", reason="unreadable")


def _let_through(connection: Connection) -> None:
    """Raise while the breaker is open; when it has rested, let one call through to see how Poster does."""
    now = timezone.now()
    if connection.closed_until is None:
        return
    if connection.closed_until <= now:
        due = Connection.objects.filter(pk=connection.pk, closed_until=connection.closed_until)
        if due.update(closed_until=now + REST):
            return
    raise Unreachable("Poster has not answered lately", reason="resting", sent=False, retryable=False)


def _count_failure(connection: Connection, error: "PosterError", seconds: float) -> None:
    if seconds < SLOW or error.reason == "busy":  # our own queue says nothing about Poster
        return
    now = timezone.now()
    since = connection.failing_since
    if since is None or now - since > FAILURE_WINDOW:
        _update(connection, failures=1, failing_since=now)
        return
    _update(connection, failures=connection.failures + 1)
    if connection.failures >= FAILURES_TO_OPEN:
        log.warning("Poster account %s rests after %s", connection.account_id, error.reason)
        _update(connection, closed_until=now + REST)


def _update(connection: Connection, **values: object) -> None:
    for field, value in values.items():
        setattr(connection, field, value)
    # Not for a token that was replaced while the call was under way.
    same = Connection.objects.filter(Q(pk=connection.pk), fingerprint=connection.fingerprint)
    same.update(**values)


def _report(call: CallReport) -> None:
    spent = poster_time.get()
    if spent is not None:
        spent.add(call.seconds)
    write(partial(_counted, call, request_id.get(), timezone.now()))


def _counted(call: CallReport, request: str, at: datetime) -> logging.LogRecord:
    """Count a call of a request, and return its line of the log."""
    CALLS.labels(call.method, call.outcome).inc()
    SECONDS.labels(call.method).observe(call.seconds)
    record = logging.LogRecord(
        log.name,
        logging.INFO if call.outcome == "ok" else logging.WARNING,
        "",
        0,
        "%s %s try=%d outcome=%s status=%s code=%s bytes=%d ms=%.0f",
        (
            call.account,
            call.method,
            call.attempt,
            call.outcome,
            call.status,
            call.code,
            call.size,
            call.seconds * 1000,
        ),
        None,
    )
    record.created, record.msecs, record.request_id = at.timestamp(), at.microsecond // 1000, request or "-"
    return record
