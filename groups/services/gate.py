"""The way to Poster: no more than POSTER_MAX_CONCURRENCY calls of an account at once, and a bounded queue."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from copy import copy

from django.conf import settings
from django.db import connection

from groups.poster import Timeouts, Transport, Unreachable
from groups.poster.transport import Answer, Failure
from groups.services.places import NoPlace, place
from groups.services.room import Room

# So many threads of a process wait for Poster at most: 16 are left to other pages (`poster_admin.threaded`).
IN_ALL = 48
# A person has as many places as a browser has connections, or a job calls. An account has six for each call
# that may be under way: with more of them all waited longer, and as many were turned away in the end.
room = Room(
    in_all=IN_ALL,
    of_person=max(6, settings.POSTER_MAX_CONCURRENCY + 2),
    of_account=6 * settings.POSTER_MAX_CONCURRENCY,
)
# Of the time that a call has left, the part that it may wait for its turn.
SHARE_FOR_WAITING = 0.5
LEASE_MARGIN = 5.0


class Gate(Transport):
    """The transport of this process, with the account's turn to be waited for before each exchange."""

    def __init__(self, transport: Transport, account: str, person: int) -> None:
        self._transport = transport
        self._account = account
        self._person = person

    def close(self) -> None:
        """Leave the connections to the others: they are the process's."""

    def exchange(
        self,
        verb: str,
        url: str,
        *,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeouts: Timeouts,
        deadline: float,
    ) -> Answer | Failure:
        left = max(0.0, deadline - time.monotonic())
        _let_go()
        try:
            with (
                room.entered(self._person, account=self._account),
                place(
                    f"{settings.POSTER_API_URL} {self._account}",
                    settings.POSTER_MAX_CONCURRENCY,
                    wait=left * SHARE_FOR_WAITING,
                    lease=left + LEASE_MARGIN,
                ),
            ):
                return self._transport.exchange(
                    verb, url, params=params, form=form, timeouts=timeouts, deadline=deadline
                )
        except NoPlace:
            return Failure("busy", sent=False, retryable=False)


def _let_go() -> None:
    """Give PostgreSQL's connection back to the pool: other threads need it while this one waits."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


_flights: dict[str, Future[object]] = {}
_lock = threading.Lock()


def together[T](
    key: str, account: str, person: int, look: Callable[[], T | None], ask: Callable[[], T], *, shared: str
) -> T:
    """Let one of all threads that want the same thing ask for it, and give its answer or error to the others.

    Among processes that have a cache of it, the `shared` name lets one ask at a time: the next one first
    looks into the cache.
    """
    with _lock:
        flight = _flights.get(key)
        if first := flight is None:
            flight = _flights[key] = Future()
    if not first:
        return _result(flight, person)  # type: ignore[return-value]  # its key says of which type it is
    try:
        answer = _alone(f"{account} {shared}", look, ask) if shared else ask()
        flight.set_result(answer)
    except BaseException as error:
        flight.set_exception(error)
        raise
    finally:
        with _lock:
            del _flights[key]
    return answer


def _result(flight: Future[object], person: int) -> object:
    try:
        with room.entered(person):
            _let_go()
            error = flight.exception(timeout=settings.POSTER_READ_DEADLINE)
    except (NoPlace, TimeoutError):
        raise busy() from None
    if error is not None:
        # One object raised in many threads would mix their tracebacks, and grow with each of them.
        raise copy(error) from error
    return flight.result()


def _alone[T](name: str, look: Callable[[], T | None], ask: Callable[[], T]) -> T:
    deadline = settings.POSTER_READ_DEADLINE
    try:
        with place(f"flight {name}", 1, wait=deadline, lease=deadline + LEASE_MARGIN):
            found = look()
            return ask() if found is None else found
    except NoPlace:
        raise busy() from None


def busy() -> Unreachable:
    """Return the error of a caller that did not get a turn."""
    return Unreachable("too many are asking", reason="busy", sent=False, retryable=False)
