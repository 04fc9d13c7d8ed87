"""Hash passwords with a limit, so that many sign-ins at once cannot exhaust the server.

Argon2 uses much memory on purpose. Without a limit, 40 sign-ins at once took 4 GB: 100 MiB for each thread.
So a process hashes only AT_ONCE passwords at a time, each in 19 MiB; other requests wait a moment for their
turn, and then fail with `HashingBusy`. Django hashes only with PASSWORD_HASHERS, so every hash is limited
here: those of sign-ins (unknown names included), of confirmations, and of new passwords.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher
from django.db import connection

from poster_admin.users.sign_in.errors import HashingBusy

AT_ONCE = 2
# Half of the threads of a process: the others are left for pages.
WAITING = 32
LONGEST_WAIT = 2.0
RETRY_AFTER = 5

queue = BoundedSemaphore(WAITING)
_turns = BoundedSemaphore(AT_ONCE)
# A hash with the older, larger parameters takes 100 MiB.
_large_turn = BoundedSemaphore(1)


@contextmanager
def _turn(*, large: bool = False) -> Iterator[None]:
    """Hold a turn to hash. Raises `HashingBusy`."""
    until = time.monotonic() + LONGEST_WAIT
    with ExitStack() as held:
        _enter(held, queue, until=0.0)
        if large:
            _enter(held, _large_turn, until)
        _enter(held, _turns, until)
        yield


def _enter(held: ExitStack, semaphore: BoundedSemaphore, until: float) -> None:
    if not semaphore.acquire(blocking=False):
        if not connection.in_atomic_block:
            # Return the database connection to the pool: pages need it while this thread waits.
            connection.close()
        if not semaphore.acquire(timeout=max(0.0, until - time.monotonic())):
            raise HashingBusy(RETRY_AFTER)
    held.callback(semaphore.release)


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the smaller parameters that OWASP recommends, a few at a time.

    Django rehashes a password stored with other parameters when its owner signs in. Source:
    https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _turn(large=self.decode(encoded)["memory_cost"] > self.memory_cost):
            return super().verify(password, encoded)


class PBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's default, for hashes imported from elsewhere, a few at a time."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with _turn():
            return super().encode(password, salt, iterations)
