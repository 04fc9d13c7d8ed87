"""Slow down guesses: bound how many passwords are hashed at once, and how often mails and links are tried.

Argon2 uses much memory on purpose: 40 sign-ins at once took 4 GB. So a process hashes only AT_ONCE passwords
at a time; other requests wait a moment, and then fail with `TryLater`. Django hashes only with
PASSWORD_HASHERS, so every hash is limited here.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
    """Nothing was done, since there were too many of these; the template of the page says which."""

    def __init__(self, seconds: int, *, template: str, status: int) -> None:
        super().__init__(f"Try again in {seconds} s.")
        self.seconds, self.template, self.status = seconds, template, status


@contextmanager
def turn() -> Iterator[None]:
    """Hold a turn to hash; a thread that holds one keeps it. Raises `TryLater`."""
    if getattr(_thread, "has_turn", False):
        yield
        return
    if not _turns.acquire(blocking=False):
        if not connection.in_atomic_block:
            # Return the database connection to the pool: pages need it while this thread waits.
            connection.close()
        if not _turns.acquire(timeout=LONGEST_WAIT):
            raise TryLater(5, template="registration/busy.html", status=503)
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
    """Count one more of a kind from an origin. Raises `TryLater` if there were too many within the hour."""
    now, key = time.time(), salted_hmac("users.rates", f"{kind} {origin}", algorithm="sha256").hexdigest()
    times = [each for each in cache.get(key, ()) if each > now - HOUR]
    if len(times) >= most:
        seconds = round(times[0] + HOUR - now)
        raise TryLater(seconds, template="registration/slowed.html", status=429)
    cache.set(key, [*times, now], HOUR)
