"""Make every call to Poster: build the client, log each exchange, and open the circuit after failures.

Threads that need the same answer share one call, in a thread of its own, for which a page need not wait; or a
read of many calls, made in the first of them. POSTER_MAX_CONCURRENCY calls of a process are made at once for
an account. The threads that wait are limited too, in all and for each user, so that others are left for other
pages.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from groups.poster import (
    CallReport,
    ErrorReason,
    PosterClient,
    PosterError,
    PosterRefused,
    Timeouts,
    TokenRejected,
    Transport,
    Unreachable,
)
from groups.poster.client import AS_DOCUMENTED, Dialect
from groups.poster.transport import Answer, TransportFailure
from groups.services.facts import facts_of
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.monitoring import poster_time
from poster_admin.common.outages import optional

log = logging.getLogger("groups.poster")

# The circuit of an account opens so that an unreachable Poster cannot block every thread. It counts the
# seconds that failed calls have blocked threads since the last answer; two timeouts of a page open it.
SLOW = 1.0
SECONDS_TO_OPEN = 20.0
FAILURE_WINDOW = timedelta(minutes=1)
REST = timedelta(seconds=15)
# The most threads of a process that may wait for Poster. `common.threaded` has 16 more, for other pages.
IN_ALL = 48
# As many as a browser opens connections and two for pages that wait for an answer behind a copy, or as a job
# makes calls at once.
OF_PERSON = max(8, settings.POSTER_MAX_CONCURRENCY + 2)
# Seconds that a thread may wait to be one of IN_ALL: it is one of the threads meant for other pages.
LONGEST_WAIT = 1.0
# The share of a call's remaining time that it may wait for its turn.
SHARE_FOR_WAITING = 0.5

# The columns of a closed circuit after an answer.
CLOSED = {"failing_since": None, "failing_seconds": 0.0}
CLOSED |= dict.fromkeys(("open_until", "opened_at", "failed_at"))


@cache
def transport() -> Transport:
    return new_transport()


def new_transport() -> Transport:
    return Transport(ca_file=settings.POSTER_CA_FILE or None, proxy=settings.POSTER_PROXY or None)


def client(
    account: str,
    token: str,
    *,
    person: int,
    bonus_in_kopecks: bool = False,
    dialect: Dialect = AS_DOCUMENTED,
) -> PosterClient:
    """Raises `ValueError` if `account` is not a valid login."""
    return PosterClient(
        account,
        token,
        url=settings.POSTER_API_URL,
        timeouts=Timeouts(
            connect=settings.POSTER_CONNECT_TIMEOUT,
            read=settings.POSTER_READ_TIMEOUT,
            read_deadline=settings.POSTER_READ_DEADLINE,
            write_deadline=settings.POSTER_WRITE_DEADLINE / 2,
            pause=settings.POSTER_RETRY_PAUSE,
        ),
        bonus_in_kopecks=bonus_in_kopecks,
        dialect=dialect,
        transport=LimitedTransport(transport(), account, person),
        on_call=_report,
    )


def call_poster[T](
    credentials: PosterCredentials, question: Callable[[PosterClient], T], *, of_statistics: bool = False
) -> T:
    """Call Poster with a user's own token, and record a refused token or a failure. Raises `PosterError`.

    Poster is not called while the circuit is open (reason "circuit_open"), or if no key opens the token
    ("unreadable"). Statistics (`dash.*`) do not open it: where these long lists hang, all else goes on.
    """
    answer, seconds = _timed(question, _client_of(credentials))
    return _record(credentials, answer, 0.0 if of_statistics else seconds)


def begin_call[T](credentials: PosterCredentials, question: Callable[[PosterClient], T]) -> Callable[[], T]:
    """Call Poster along with other calls, and return the function that waits for the answer.

    A call that tests an open circuit runs alone: then that function makes the call.
    """
    if credentials.account.open_until is not None:
        return lambda: call_poster(credentials, question)
    return _start_call(credentials, question).take


def _client_of(credentials: PosterCredentials) -> PosterClient:
    _let_through(credentials.account)
    try:
        token = credentials.token.reveal()
    except SecretUnreadable:
        log.warning("No key of POSTER_TOKEN_KEYS opens the token of credentials %s", credentials.pk)
        raise TokenRejected(None, reason=ErrorReason.UNREADABLE) from None
    return client(
        credentials.account_id,
        token,
        person=credentials.user_id,
        bonus_in_kopecks=credentials.account.bonus_unit == PosterAccount.BonusUnit.KOPECKS,
        dialect=_dialect_of(credentials),
    )


def _dialect_of(credentials: PosterCredentials) -> Dialect:
    """Read the facts once for these credentials; what is unknown is as documented."""
    found: Dialect | None = credentials.__dict__.get("_dialect")
    if found is None:
        known = facts_of(credentials)
        found = credentials.__dict__["_dialect"] = Dialect(
            at_once=known.value("clients.pages") == "ignored",
            cut=known.value("clients.pages") == "cut",
            unfiltered=known.value("clients.filter") == "ignored",
            clients_in_hryvnia=known.value("clients.paid_unit") == "hryvnia",
            sales_in_hryvnia=known.value("sales.paid_unit") == "hryvnia",
            rules_in_kopecks=known.value("rules.unit") == "kopecks",
        )
    return found


def _timed[T](question: Callable[[PosterClient], T], poster: PosterClient) -> tuple[T | PosterError, float]:
    started = time.monotonic()
    answer: T | PosterError
    try:
        answer = question(poster)
    except PosterError as error:
        answer = error
    return answer, time.monotonic() - started


def _record[T](credentials: PosterCredentials, answer: T | PosterError, seconds: float) -> T:
    if isinstance(answer, PosterRefused):
        if isinstance(answer, TokenRejected):
            with optional("a refused token"):
                _set_refused(credentials, credentials.refused_at or timezone.now())
        _close_circuit(credentials.account)
        raise answer
    if isinstance(answer, Unreachable):
        with optional("a failure of Poster"):
            _count_failure(credentials.account, answer, seconds)
    if isinstance(answer, PosterError):
        raise answer
    if credentials.refused_at:
        with optional("a good answer"):
            _set_refused(credentials, None)
    _close_circuit(credentials.account)
    return answer


def seconds_left(until: float, method: str) -> float:
    """Return the seconds that one read may take until then. Raises `Unreachable` if none are left."""
    left = until - time.monotonic()
    if left <= 0:
        raise Unreachable("no time left", method=method, reason=ErrorReason.DEADLINE, sent=False)
    return min(left, settings.POSTER_READ_DEADLINE)


def remaining(within: float | None, began: float) -> float | None:
    """Return the rest of the seconds that several calls may take together; None is no limit."""
    return None if within is None else within - (time.monotonic() - began)


def check_token(credentials: PosterCredentials) -> None:
    """Raise `TokenRejected` if Poster has refused the token: its user may not see local data then."""
    if credentials.refused_at:
        raise TokenRejected(None, reason=ErrorReason.REFUSED_BEFORE)


def _let_through(account: PosterAccount) -> None:
    """Raise `Unreachable` while the circuit is open; after REST let one call through as a test."""
    if account.open_until is None:
        return
    if account.open_until <= timezone.now():
        rested = PosterAccount.objects.filter(pk=account.pk, open_until=account.open_until)
        with optional("the test call of an open circuit"):
            if rested.update(open_until=timezone.now() + REST):
                return
            account.refresh_from_db(fields=CLOSED)  # another process has made the test call
            if account.open_until is None:
                return
    raise Unreachable(
        "Poster has not answered lately", reason=ErrorReason.CIRCUIT_OPEN, sent=False, retryable=False
    )


def _count_failure(account: PosterAccount, error: PosterError, seconds: float) -> None:
    if error.reason == ErrorReason.BUSY:  # a wait for a slot here says nothing about Poster
        return
    now = timezone.now()
    its = PosterAccount.objects.filter(pk=account.pk)
    if account.open_until is not None:
        its.exclude(open_until=None).update(failed_at=now)
    if seconds < SLOW:
        return
    # Add in the database, so that simultaneous failures in several processes all count.
    is_first = Q(failing_since=None) | Q(failing_since__lte=now - FAILURE_WINDOW)
    its.update(
        failing_since=Case(When(is_first, then=Value(now)), default=F("failing_since")),
        failing_seconds=Case(When(is_first, then=Value(0.0)), default=F("failing_seconds")) + seconds,
    )
    # If the circuit was already open, the failure of the test call keeps it open.
    if its.filter(Q(failing_seconds__gte=SECONDS_TO_OPEN) | ~Q(open_until=None)).update(
        open_until=now + REST, opened_at=Coalesce("opened_at", Value(now))
    ):
        log.warning("The circuit of Poster account %s is open after %s", account.pk, error.reason)
    account.refresh_from_db(fields=CLOSED)


def _close_circuit(account: PosterAccount) -> None:
    if account.failing_since is None and account.open_until is None:
        return
    for name, value in CLOSED.items():
        setattr(account, name, value)
    with optional("an answer of Poster"):
        PosterAccount.objects.filter(pk=account.pk).update(**CLOSED)


def _set_refused(credentials: PosterCredentials, refused_at: datetime | None) -> None:
    credentials.refused_at = refused_at
    # The fingerprint excludes a token that was replaced during the call.
    same = PosterCredentials.objects.filter(pk=credentials.pk, fingerprint=credentials.fingerprint)
    same.update(refused_at=refused_at)


def _report(call: CallReport) -> None:
    spent = poster_time.get()
    if spent is not None:
        spent.add(call.seconds)
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
    if call.outcome == "certificate":
        log.error(
            "The certificate that answered for Poster is not accepted: %s. Authorities: %s",
            call.detail,
            settings.POSTER_CA_FILE or "certifi's (POSTER_CA_FILE is not set)",
        )


# --- Shared calls -------------------------------------------------------------------------------------------


_under_way: dict[str, Future[Any]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class SharedCall[T]:
    """A call to Poster in a thread of its own: `future` has the answer or its error, and the seconds it took.

    Several threads may wait for it. That which has begun it, `is_own`, records what the answer shows: the
    thread of the call needs no connection to the database.
    """

    credentials: PosterCredentials
    future: Future[tuple[T | PosterError, float]]
    is_own: bool = True
    began: float = field(default_factory=time.monotonic)

    def ends_within(self, seconds: float) -> bool:
        """Wait until the call has taken so many seconds; return True if the answer is here."""
        release_database()
        # The thread of a call holds its slot.
        slot = nullcontext() if self.is_own else waiting_for_another(self.credentials.user_id)
        with _counted_as_posters(), slot:
            return bool(wait([self.future], max(0.0, self.began + seconds - time.monotonic())).done)

    def take(self) -> T:
        if self.is_own:
            release_database()
            return _record(self.credentials, *self.future.result())
        with _counted_as_posters(), waiting_for_another(self.credentials.user_id):
            answer, _seconds = self.future.result(timeout=settings.POSTER_READ_DEADLINE)
        if isinstance(answer, PosterError):
            raise copy(answer) from answer  # one object raised in many threads would collect all tracebacks
        return answer


_shared: dict[str, SharedCall[Any]] = {}


@contextmanager
def _counted_as_posters() -> Iterator[None]:
    """Count a wait as time of Poster's: a call that ends too late, or in another thread, counts elsewhere."""
    began = time.monotonic()
    try:
        yield
    finally:
        if (spent := poster_time.get()) is not None:
            spent.add(time.monotonic() - began)


def _start_call[T](credentials: PosterCredentials, question: Callable[[PosterClient], T]) -> SharedCall[T]:
    """Raises `PosterError` if Poster may not be called now."""
    poster = _client_of(credentials)
    thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
    future = thread.submit(copy_context().run, _timed, question, poster)
    thread.shutdown(wait=False)
    return SharedCall(credentials, future)


def share_call[T](
    key: str, credentials: PosterCredentials, question: Callable[[PosterClient], T]
) -> SharedCall[T]:
    """Begin a call, or join the one with the same key that is under way in this process."""
    with _lock:
        if (joined := _shared.get(key)) is not None:
            return replace(joined, credentials=credentials, is_own=False)
        call = _shared[key] = _start_call(credentials, question)
    call.future.add_done_callback(lambda _future: _shared.pop(key))
    return call


def single_flight[T](key: str, person: int, ask: Callable[[], T]) -> T:
    """Call `ask` in one of the threads that use the same key, and give its result or error to all of them."""
    with _lock:
        flight: Future[T] | None = _under_way.get(key)
        if first := flight is None:
            flight = _under_way[key] = Future()
    if not first:
        with waiting_for_another(person):
            error = flight.exception(timeout=settings.POSTER_READ_DEADLINE)
        if error is not None:
            raise copy(error) from error  # as `SharedCall.take` does
        return flight.result()
    try:
        answer = ask()
        flight.set_result(answer)
    except BaseException as error:
        flight.set_exception(error)
        raise
    finally:
        with _lock:
            del _under_way[key]
    return answer


@contextmanager
def waiting_for_another(person: int) -> Iterator[None]:
    """Raises `Unreachable` if no slot for those that wait is free, or time is over."""
    release_database()
    try:
        with waiting(person):
            yield
    except (NoSlot, TimeoutError):
        raise busy() from None


# --- Limits -------------------------------------------------------------------------------------------------


class NoSlot(Exception): ...


class LimitedTransport(Transport):
    def __init__(self, transport: Transport, account: str, person: int) -> None:
        self._transport = transport
        self._account = account
        self._person = person

    def exchange(self, verb: str, url: str, *, deadline: float, **request: Any) -> Answer | TransportFailure:
        left = max(0.0, deadline - time.monotonic())
        calls = slots(f"calls of {self._account}", settings.POSTER_MAX_CONCURRENCY)
        if "/dash." in url:  # long lists, which may hang, take no slot from all other calls
            calls = slots(f"statistics of {self._account}", max(1, settings.POSTER_MAX_CONCURRENCY // 2))
        release_database()
        try:
            with waiting(self._person), _held(calls, left * SHARE_FOR_WAITING):
                return self._transport.exchange(verb, url, deadline=deadline, **request)
        except NoSlot:
            return TransportFailure(ErrorReason.BUSY, sent=False, retryable=False)


@cache
def slots(name: str, count: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(count)


@contextmanager
def _held(found: threading.BoundedSemaphore, wait: float) -> Iterator[None]:
    if not found.acquire(timeout=wait):
        raise NoSlot
    try:
        yield
    finally:
        found.release()


@contextmanager
def waiting(person: int) -> Iterator[None]:
    """Be one of the threads that wait for Poster. Raises `NoSlot` if there are too many."""
    with _held(slots(f"person {person}", OF_PERSON), 0), _held(slots("all", IN_ALL), LONGEST_WAIT):
        yield


def release_database() -> None:
    """Return the PostgreSQL connection to its pool: other threads need it while this one waits."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


_turn_of_files = threading.Lock()


@contextmanager
def file_turn(person: int) -> Iterator[None]:
    """Make or read files with thousands of rows one at a time. Raises `Unreachable` if too many wait already.

    Threads share the interpreter: with four files at once a page took twelve times as long as in quiet,
    with one twice. A thread that waits for its turn is one of those that wait for Poster.
    """
    with waiting_for_another(person), _turn_of_files:
        yield


def busy() -> Unreachable:
    return Unreachable("too many are asking", reason=ErrorReason.BUSY, sent=False, retryable=False)
