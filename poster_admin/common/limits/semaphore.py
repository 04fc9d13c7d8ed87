"""Bound how many threads use something at once, over all processes.

A thread first takes one of the places of its own process, in a queue without polling. Then it takes one that
the processes share: on one machine the lock of a file, which the kernel releases when a process is killed;
with Redis a lock with a lease. So no more threads of a process than there are places compete with the other
processes, and while Redis or the disk is away, each process still has a bound of its own.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from portalocker import AlreadyLocked, LockException, NamedBoundedSemaphore

from poster_admin.common.outages import Outage, ask_shared

if TYPE_CHECKING:
    from redis.lock import Lock

type Release = Callable[[], object]
CHECK_INTERVAL = 0.01
"""Seconds between two looks for a place that another process may have given back."""


class NoSlot(Exception):
    """No place came free in time, or too many are waiting for one."""


@contextmanager
def slot(name: str, count: int, *, wait: float, lease: float) -> Iterator[None]:
    """Hold one of `count` places of that name; `lease` bounds how long, in seconds, if this process dies."""
    until = time.monotonic() + wait
    own = _own(name, count)
    if not own.acquire(timeout=wait):
        raise NoSlot
    try:
        take = partial(_shared().take, _key(name), count, max(0.0, until - time.monotonic()), lease)
        release = ask_shared(take, _nothing_taken)
        try:
            yield
        finally:
            release()
    finally:
        own.release()


def _nothing_taken() -> None:
    """Give back no place: what the processes share is away."""


@cache
def _own(name: str, count: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(count)


@cache
def _key(name: str) -> str:
    """Return a name of letters and digits alone: it becomes that of a file."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@cache
def _shared() -> "Files | Redis":
    default = settings.CACHES["default"]
    if "redis" in default["BACKEND"].lower():
        return Redis(default["LOCATION"], **default["OPTIONS"])
    return Files(settings.VAR_DIR / "places")


class Files:
    """Places on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def take(self, name: str, count: int, wait: float, lease: float) -> Release:
        """Take a place, and return how it is given back."""
        semaphore = NamedBoundedSemaphore(
            count, name, directory=str(self._directory), timeout=wait, check_interval=CHECK_INTERVAL
        )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            semaphore.acquire()
        except AlreadyLocked:
            raise NoSlot from None
        except (OSError, LockException) as error:
            raise Outage from error
        return semaphore.release


class Redis:
    """Places on any number of machines: a lock for each. One that is not given back ends with its lease."""

    def __init__(self, url: str, **options: Any) -> None:
        import redis  # noqa: PLC0415 - installed where it is used

        self._client = redis.Redis.from_url(url, **options)
        self._lease_has_ended = redis.exceptions.LockNotOwnedError

    def take(self, name: str, count: int, wait: float, lease: float) -> Release:
        """Take a place, and return how it is given back."""
        names = [f"places:{name}:{number}" for number in random.sample(range(count), count)]
        locks = [self._client.lock(each, timeout=lease, sleep=CHECK_INTERVAL) for each in names]
        taken = next((lock for lock in locks if lock.acquire(blocking=False)), None)
        if taken is None:  # one of them waits
            taken = locks[0]
            if not taken.acquire(blocking_timeout=wait):
                raise NoSlot
        # The call is done then, a write too, so no trouble with giving back may end in an error.
        return partial(ask_shared, partial(self._release, taken), None)

    def _release(self, lock: "Lock") -> None:
        with suppress(self._lease_has_ended):
            lock.release()
