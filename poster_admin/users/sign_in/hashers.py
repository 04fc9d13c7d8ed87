"""Hash passwords with a limit, so that many sign-ins at once cannot exhaust the server.

Argon2 uses much memory on purpose. Without a limit, 40 sign-ins at once took 4 GB: 100 MiB for each thread.
So a process hashes only AT_ONCE passwords at a time, each in 19 MiB; other requests wait a moment for their
turn, and then fail with `HashingBusy`. Django hashes only with PASSWORD_HASHERS, so every hash is limited
here: those of sign-ins (unknown names included), of confirmations, and of new passwords.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher
from django.db import connection

from poster_admin.users.sign_in.errors import HashingBusy

AT_ONCE = 2
LONGEST_WAIT = 2.0
RETRY_AFTER = 5

_turns = threading.BoundedSemaphore(AT_ONCE)
_thread = threading.local()


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
            raise HashingBusy(RETRY_AFTER)
    _thread.has_turn = True
    try:
        yield
    finally:
        _thread.has_turn = False
        _turns.release()


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the smaller parameters that OWASP recommends, a few at a time.

    Django rehashes a password stored with other parameters when its owner signs in. Source:
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


class PBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's default, for hashes imported from elsewhere, a few at a time."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with turn():
            return super().encode(password, salt, iterations)
