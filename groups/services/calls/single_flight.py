"""Share one read of Poster among all threads that need the same data at the same time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from copy import copy

from django.conf import settings

from groups.services.calls.limits import LEASE_MARGIN, busy, limiter, release_database
from poster_admin.common.slots import NoSlot, slot

_flights: dict[str, Future[object]] = {}

_lock = threading.Lock()


def single_flight[T](
    key: str, person: int, look: Callable[[], T | None], ask: Callable[[], T], *, name: str
) -> T:
    """Call `ask` in one of the threads that use the same key, and give its result or error to all of them.

    Only one process at a time calls `ask` for a name; before that it calls `look`, which may find in the
    cache the answer that another process has just stored.
    """
    with _lock:
        flight = _flights.get(key)
        if first := flight is None:
            flight = _flights[key] = Future()
    if not first:
        with waiting_for_another(person):
            error = flight.exception(timeout=settings.POSTER_READ_DEADLINE)
        if error is not None:
            # Raise a copy: one exception object raised in many threads would collect all their tracebacks.
            raise copy(error) from error
        return flight.result()  # type: ignore[return-value]  # one key always has the same type
    try:
        answer = alone(name, look, ask)
        flight.set_result(answer)
    except BaseException as error:
        flight.set_exception(error)
        raise
    finally:
        with _lock:
            del _flights[key]
    return answer


@contextmanager
def waiting_for_another(person: int) -> Iterator[None]:
    """Have a slot of those that wait for Poster. Raises `Unreachable` if none is free, or time is over."""
    release_database()
    try:
        with limiter.entered(person):
            yield
    except (NoSlot, TimeoutError):
        raise busy() from None


def alone[T](name: str, look: Callable[[], T | None], ask: Callable[[], T]) -> T:
    """Call `ask` in one process at a time, unless `look` finds what another one has just been answered."""
    deadline = settings.POSTER_READ_DEADLINE
    try:
        with slot(
            f"flight {settings.POSTER_API_URL} {name}", 1, wait=deadline, lease=deadline + LEASE_MARGIN
        ):
            found = look()
            return ask() if found is None else found
    except NoSlot:
        raise busy() from None
