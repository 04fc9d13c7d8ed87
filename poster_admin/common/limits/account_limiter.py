"""Limit how many threads of this process wait for Poster, so that others are left for other pages."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from poster_admin.common.limits.semaphore import NoSlot

LONGEST_WAIT = 1.0
"""Seconds that a thread may wait for a slot: it is one of the threads meant for other pages."""


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
