"""Limit how many threads use something at once, over all processes, and how many of this one wait for it.

For a `slot` a thread first takes one of its own process, in a queue without polling. Then it takes a slot
that the processes share: on one machine the lock of a file, which the kernel releases when a process is
killed; with Redis a lock with a lease. So a process never has more threads competing with other processes
than there are slots, and while Redis or the disk is away, each process still has a limit of its own.

Those that wait are limited by an `AccountLimiter`, so that other threads are left for other pages.
"""

import fcntl
import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings

from poster_admin.common.outages import Outage, ask_shared

if TYPE_CHECKING:
    from redis.lock import Lock

type Release = Callable[[], object]
CHECK_INTERVAL = 0.01
"""Seconds between two checks for a slot that another process may have released."""
LONGEST_WAIT = 1.0
"""Seconds that a thread may wait for a slot: it is one of the threads meant for other pages."""


class NoSlot(Exception):
    """No slot came free in time, or too many threads are waiting for one."""


@contextmanager
def slot(name: str, count: int, *, wait: float, lease: float) -> Iterator[None]:
    """Hold one of `count` slots of that name; `lease` limits how long, in seconds, if this process dies."""
    until = time.monotonic() + wait
    own = _own(name, count)
    if not own.acquire(timeout=wait):
        raise NoSlot
    try:
        take = partial(shared_slots().take, _key(name), count, max(0.0, until - time.monotonic()), lease)
        release = ask_shared(take, lambda: None)  # no slot is taken while the shared store is away
        try:
            yield
        finally:
            release()
    finally:
        own.release()


@cache
def _own(name: str, count: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(count)


@cache
def _key(name: str) -> str:
    """Return a name of letters and digits only: it becomes a file name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@cache
def shared_slots() -> "Files | Redis":
    """Return the store of the slots that all processes share: Redis if the cache is in it, else files."""
    default = settings.CACHES["default"]
    if "redis" in default["BACKEND"].lower():
        return Redis(default["LOCATION"], **default["OPTIONS"])
    return Files(settings.VAR_DIR / "places")


class Files:
    """Slots shared by the processes of one machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def take(self, name: str, count: int, wait: float, lease: float) -> Release:
        """Take a slot, and return the function that releases it."""
        until = time.monotonic() + wait
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            while (file := self._lock_one(name, count)) is None:
                if time.monotonic() > until:
                    raise NoSlot
                time.sleep(CHECK_INTERVAL)
        except OSError as error:
            raise Outage from error
        return file.close

    def _lock_one(self, name: str, count: int) -> IO[bytes] | None:
        """Return a file of the slots, open and locked, or None if other processes hold all of them."""
        for number in range(count):
            with ExitStack() as opened:
                file = opened.enter_context((self._directory / f"{name}.{number:02}.lock").open("ab"))
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    opened.pop_all()
                    return file
        return None


class Redis:
    """Slots shared by many machines: one lock each. A slot that is not released ends with its lease."""

    def __init__(self, url: str, **options: Any) -> None:
        import redis  # noqa: PLC0415 - installed where it is used

        self._client = redis.Redis.from_url(url, **options)
        self._lease_has_ended = redis.exceptions.LockNotOwnedError

    def take(self, name: str, count: int, wait: float, lease: float) -> Release:
        """Take a slot, and return the function that releases it."""
        names = [f"places:{name}:{number}" for number in random.sample(range(count), count)]
        locks = [self._client.lock(each, timeout=lease) for each in names]
        until = time.monotonic() + wait
        while (taken := next((lock for lock in locks if lock.acquire(blocking=False)), None)) is None:
            if time.monotonic() > until:
                raise NoSlot
            time.sleep(CHECK_INTERVAL)
        # The call, perhaps a write, is done by then: a failure to release the slot must not become an error.
        return partial(ask_shared, partial(self._release, taken), None)

    def _release(self, lock: "Lock") -> None:
        with suppress(self._lease_has_ended):
            lock.release()


class AccountLimiter:
    """Slots for threads that call Poster, wait to call it, or wait for a thread that calls it.

    There are three limits: for the whole process; for a user, so that a busy user delays nobody else; and for
    the callers of an account, so that no thread waits behind too many.
    """

    def __init__(self, *, in_all: int, of_person: int, of_account: int) -> None:
        self._places = threading.BoundedSemaphore(in_all)
        self._bounds = {"person": of_person, "account": of_account}
        self._inside: Counter[tuple[str, object]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def entered(self, person: int, *, account: str = "") -> Iterator[None]:
        """Hold a slot; a thread that calls Poster names the account. Raises `NoSlot` if none comes free."""
        keys: list[tuple[str, object]] = [("person", person)]
        if account:
            keys.append(("account", account))
        with self._lock:
            if any(self._inside[key] >= self._bounds[key[0]] for key in keys):
                raise NoSlot
            self._inside.update(keys)
        try:
            if not self._places.acquire(timeout=LONGEST_WAIT):
                raise NoSlot
            try:
                yield
            finally:
                self._places.release()
        finally:
            with self._lock:
                self._inside.subtract(keys)
                self._inside += Counter()  # drops the keys with a count of zero
