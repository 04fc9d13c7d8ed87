"""Share one call to Poster, or a read of many calls, among all threads that need its answer.

A call is made in a thread of its own, for which a page need not wait; a read in the first of the threads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from groups.poster import PosterError
from groups.services.calls.limits import NoSlot, busy, release_database, waiting
from groups.services.gateway import BegunCall
from poster_admin.common.monitoring import poster_time

_under_way: dict[str, BegunCall[Any]] = {}
_flights: dict[str, Future[object]] = {}

_lock, _lock_of_flights = threading.Lock(), threading.Lock()


@dataclass(frozen=True, slots=True)
class SharedCall[T]:
    """A call that several threads wait for; `is_own` is True for the one that has begun it."""

    call: BegunCall[T]
    person: int
    is_own: bool

    def ends_within(self, seconds: float) -> bool:
        """Wait for the answer, but no longer than so many seconds; return True if it is here."""
        release_database()
        # The thread of a call holds its slot.
        with _timed(), nullcontext() if self.is_own else waiting_for_another(self.person):
            return bool(wait([self.call.future], seconds).done)

    def take(self) -> T:
        """Wait for the answer and return it; the thread that has begun the call records what it tells."""
        if self.is_own:
            return self.call.take()
        with _timed(), waiting_for_another(self.person):
            answer, _seconds = self.call.future.result(timeout=settings.POSTER_READ_DEADLINE)
        if isinstance(answer, PosterError):
            raise copy(answer) from answer  # one object raised in many threads would collect all tracebacks
        return answer


@contextmanager
def _timed() -> Iterator[None]:
    """Count a wait as time of Poster's: a call that ends too late, or in another thread, counts elsewhere."""
    began = time.monotonic()
    try:
        yield
    finally:
        if (spent := poster_time.get()) is not None:
            spent.add(time.monotonic() - began)


def share_call[T](key: str, person: int, begin: Callable[[], BegunCall[T]]) -> SharedCall[T]:
    """Begin a call, or join the one with the same key that is under way in this process."""
    with _lock:
        call = _under_way.get(key)
        if call is not None:
            return SharedCall(call, person, is_own=False)
        call = _under_way[key] = begin()
    call.future.add_done_callback(lambda _future: _under_way.pop(key))
    return SharedCall(call, person, is_own=True)


def single_flight[T](key: str, person: int, ask: Callable[[], T]) -> T:
    """Call `ask` in one of the threads that use the same key, and give its result or error to all of them."""
    with _lock_of_flights:
        flight = _flights.get(key)
        if first := flight is None:
            flight = _flights[key] = Future()
    if not first:
        with waiting_for_another(person):
            error = flight.exception(timeout=settings.POSTER_READ_DEADLINE)
        if error is not None:
            raise copy(error) from error  # as `SharedCall.take` does
        return flight.result()  # type: ignore[return-value]  # one key always has the same type
    try:
        answer = ask()
        flight.set_result(answer)
    except BaseException as error:
        flight.set_exception(error)
        raise
    finally:
        with _lock_of_flights:
            del _flights[key]
    return answer


@contextmanager
def waiting_for_another(person: int) -> Iterator[None]:
    """Have a slot of those that wait for Poster. Raises `Unreachable` if none is free, or time is over."""
    release_database()
    try:
        with waiting(person):
            yield
    except (NoSlot, TimeoutError):
        raise busy() from None
