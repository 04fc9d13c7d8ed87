"""Share one call to Poster, made in a thread of its own, among all threads that need its answer."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from groups.poster import PosterError
from groups.services.calls.limits import release_database
from groups.services.calls.single_flight import waiting_for_another
from groups.services.gateway import BegunCall
from poster_admin.common.observability.server_timing import poster_time

_under_way: dict[str, BegunCall[Any]] = {}

_lock = threading.Lock()


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
            # Raise a copy: one exception object raised in many threads would collect all their tracebacks.
            raise copy(answer) from answer
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
