"""Bound how many threads of this process wait for Poster: the others are for pages that do not ask it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from poster_admin.common.limits.semaphore import NoSlot

LONGEST_WAIT = 1.0
"""Seconds that a thread may wait to enter: it is one of those that are for the other pages."""


class AccountLimiter:
    """Threads that ask Poster, wait to ask, or wait for a thread that asks.

    They are bounded in all; for a person, so that a person who asks a lot is in nobody's way; and those who
    ask, for an account, so that no thread waits behind too many.
    """

    def __init__(self, *, in_all: int, of_person: int, of_account: int) -> None:
        self._places = threading.BoundedSemaphore(in_all)
        self._bounds = {"person": of_person, "account": of_account}
        self._inside: Counter[tuple[str, object]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def entered(self, person: int, *, account: str = "") -> Iterator[None]:
        """Be in the room; a thread that asks names the account. Raises `NoSlot` where it stays full."""
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
                self._inside += Counter()  # drops the keys that nobody is counted for
