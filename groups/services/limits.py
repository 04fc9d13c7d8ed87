"""Limit the calls to Poster of this process: POSTER_MAX_CONCURRENCY at once for an account.

The threads that wait are limited too, in all and for each user, so that others are left for other pages.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection

from groups.poster import ErrorReason, Transport, Unreachable
from groups.poster.transport import Answer, Failure

# The most threads of a process that may wait for Poster. `common.threaded` has 16 more, for other pages.
IN_ALL = 48
# As many as a browser opens connections and two for pages that wait for an answer behind a copy, or as a job
# makes calls at once.
OF_PERSON = max(8, settings.POSTER_MAX_CONCURRENCY + 2)
# Seconds that a thread may wait to be one of IN_ALL: it is one of the threads meant for other pages.
LONGEST_WAIT = 1.0
# The share of a call's remaining time that it may wait for its turn.
SHARE_FOR_WAITING = 0.5

_turn_of_files = threading.Lock()


class NoSlot(Exception): ...


class LimitedTransport(Transport):
    def __init__(self, transport: Transport, account: str, person: int) -> None:
        self._transport = transport
        self._account = account
        self._person = person

    def exchange(self, verb: str, url: str, *, deadline: float, **request: Any) -> Answer | Failure:
        left = max(0.0, deadline - time.monotonic())
        calls = slots(f"calls of {self._account}", settings.POSTER_MAX_CONCURRENCY)
        if "/dash." in url:  # long lists, which may hang, take no slot from all other calls
            calls = slots(f"statistics of {self._account}", max(1, settings.POSTER_MAX_CONCURRENCY // 2))
        release_database()
        try:
            with waiting(self._person), _held(calls, left * SHARE_FOR_WAITING):
                return self._transport.exchange(verb, url, deadline=deadline, **request)
        except NoSlot:
            return Failure(ErrorReason.BUSY, sent=False, retryable=False)


@cache
def slots(name: str, count: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(count)


@contextmanager
def _held(found: threading.BoundedSemaphore, wait: float) -> Iterator[None]:
    if not found.acquire(timeout=wait):
        raise NoSlot
    try:
        yield
    finally:
        found.release()


@contextmanager
def waiting(person: int) -> Iterator[None]:
    """Be one of the threads that wait for Poster. Raises `NoSlot` if there are too many."""
    with _held(slots(f"person {person}", OF_PERSON), 0), _held(slots("all", IN_ALL), LONGEST_WAIT):
        yield


def release_database() -> None:
    """Return the PostgreSQL connection to its pool: other threads need it while this one waits."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


@contextmanager
def file_turn(person: int) -> Iterator[None]:
    """Make or read files with thousands of rows one at a time. Raises `Unreachable` if too many wait already.

    Threads share the interpreter: beside four files at once a page took twelve times as long as in quiet,
    beside one twice. A thread that waits for its turn is one of those that wait for Poster.
    """
    release_database()
    try:
        with waiting(person), _turn_of_files:
            yield
    except NoSlot:
        raise busy() from None


def busy() -> Unreachable:
    return Unreachable("too many are asking", reason=ErrorReason.BUSY, sent=False, retryable=False)
