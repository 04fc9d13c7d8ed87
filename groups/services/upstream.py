"""Every call to Poster passes through here: the client, its log lines, and what a failure teaches us."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from groups.crypto import SecretUnreadable
from groups.deadlines import is_past, past
from groups.metrics import CALLS, SECONDS
from groups.models import Connection, PosterAccount
from groups.outages import optional
from groups.poster import CallReport, PosterClient, Timeouts, TokenRejected, Transport, Unreachable
from groups.services.gate import Gate
from groups.timing import poster_time

if TYPE_CHECKING:
    from groups.poster import PosterError

log = logging.getLogger("groups.poster")

# The circuit breaker of an account keeps a dead Poster from holding every thread. So it counts the seconds
# that failures have held one, without an answer in between: two time-outs of a page open it.
SLOW = 1.0
SECONDS_TO_OPEN = 20.0
FAILURE_WINDOW = timedelta(minutes=1)
REST = timedelta(seconds=15)
BREAKER = ("failing_since", "failing_seconds", "closed_until")


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
    _let_through(connection.account)
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
        with optional("a refused token"):
            _update(connection, refused_at=connection.refused_at or timezone.now())
        raise
    except Unreachable as error:
        with optional("a failure of Poster"):
            _count_failure(connection.account, error, time.monotonic() - started)
        raise
    account = connection.account
    if connection.refused_at or account.failing_since or account.closed_until:
        with optional("a good answer"):
            _update(connection, refused_at=None)
            _close_breaker(account)
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


def _let_through(account: PosterAccount) -> None:
    """Raise while the breaker is open; when it has rested, let one call through to see how Poster does."""
    if account.closed_until is None:
        return
    if is_past(account.closed_until, ahead=REST):
        rested = PosterAccount.objects.filter(pk=account.pk, closed_until=account.closed_until)
        with optional("the look after a rest"):
            if rested.update(closed_until=timezone.now() + REST):
                return
    raise Unreachable("Poster has not answered lately", reason="resting", sent=False, retryable=False)


def _count_failure(account: PosterAccount, error: "PosterError", seconds: float) -> None:
    if seconds < SLOW or error.reason == "busy":  # our own queue says nothing about Poster
        return
    now = timezone.now()
    its = PosterAccount.objects.filter(pk=account.pk)
    # The database adds: of failures at the same moment, in whichever process, each counts.
    is_first = Q(failing_since=None) | past("failing_since", age=FAILURE_WINDOW, now=now)
    its.update(
        failing_since=Case(When(is_first, then=Value(now)), default=F("failing_since")),
        failing_seconds=Case(When(is_first, then=Value(0.0)), default=F("failing_seconds")) + seconds,
    )
    # After a rest, the first look decides.
    if its.filter(Q(failing_seconds__gte=SECONDS_TO_OPEN) | ~Q(closed_until=None)).update(
        closed_until=now + REST
    ):
        log.warning("Poster account %s rests after %s", account.pk, error.reason)
    account.refresh_from_db(fields=BREAKER)


def _close_breaker(account: PosterAccount) -> None:
    account.failing_since, account.failing_seconds, account.closed_until = None, 0.0, None
    PosterAccount.objects.filter(pk=account.pk).update(
        **{field: getattr(account, field) for field in BREAKER}
    )


def _update(connection: Connection, **values: object) -> None:
    for field, value in values.items():
        setattr(connection, field, value)
    # Not for a token that was replaced while the call was under way.
    same = Connection.objects.filter(Q(pk=connection.pk), fingerprint=connection.fingerprint)
    same.update(**values)


def _report(call: CallReport) -> None:
    """Count a call, and write its line into the log."""
    spent = poster_time.get()
    if spent is not None:
        spent.add(call.seconds)
    CALLS.labels(call.method, call.outcome).inc()
    SECONDS.labels(call.method).observe(call.seconds)
    log.log(
        logging.INFO if call.outcome == "ok" else logging.WARNING,
        "%s %s try=%d outcome=%s status=%s code=%s bytes=%d ms=%.0f",
        call.account,
        call.method,
        call.attempt,
        call.outcome,
        call.status,
        call.code,
        call.size,
        call.seconds * 1000,
    )
