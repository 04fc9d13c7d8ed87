"""Slow down guesses: bound how many passwords are hashed at once, and how often mails and links are tried.

Argon2 uses much memory on purpose: 40 sign-ins at once took 4 GB. So a process hashes only AT_ONCE passwords
at a time; other requests wait a moment, and then fail with `HashingBusy`. Django hashes only with
PASSWORD_HASHERS, so every hash is limited here.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.utils.crypto import salted_hmac

AT_ONCE = 2
LONGEST_WAIT = 2.0
HOUR = 3600

_turns = threading.BoundedSemaphore(AT_ONCE)
_thread = threading.local()


class TryLater(Exception):
    template: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Try again in {seconds} s.")
        self.seconds = seconds


class HashingBusy(TryLater):
    """Too many passwords are being hashed: this one was neither checked nor set."""

    template, status = "registration/busy.html", 503


class SlowedDown(TryLater):
    """There were too many of these within the hour: nothing was done."""

    template, status = "registration/slowed.html", 429


@contextmanager
def turn() -> Iterator[None]:
    """Hold a turn to hash; a thread that holds one keeps it. Raises `HashingBusy`."""
    if getattr(_thread, "has_turn", False):
        yield
        return
    if not _turns.acquire(blocking=False):
        if not connection.in_atomic_block:
            # Return the database connection to the pool: pages need it while this thread waits.
            connection.close()
        if not _turns.acquire(timeout=LONGEST_WAIT):
            raise HashingBusy(5)
    _thread.has_turn = True
    try:
        yield
    finally:
        _thread.has_turn = False
        _turns.release()


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with OWASP's smaller parameters, a few at a time.

    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with turn():
            return super().verify(password, encoded)


def count(kind: str, origin: str, most: int) -> None:
    """Count one more of a kind from an origin. Raises `SlowedDown` if there were too many within the hour."""
    now, key = time.time(), salted_hmac("users.rates", f"{kind} {origin}", algorithm="sha256").hexdigest()
    times = [each for each in cache.get(key, ()) if each > now - HOUR]
    if len(times) >= most:
        raise SlowedDown(round(times[0] + HOUR - now))
    cache.set(key, [*times, now], HOUR)
