"""Limit the calls to Poster: POSTER_MAX_CONCURRENCY at once for an account, with a bounded queue.

Of files with thousands of rows, one thread of a process at a time makes or reads one.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from groups.poster import ErrorReason, Transport, Unreachable
from groups.poster.transport import Answer, Failure
from poster_admin.common.slots import AccountLimiter, NoSlot, slot

# The most threads of a process that may wait for Poster. `common.threaded` has 16 more, for other pages.
IN_ALL = 48
# A user gets as many slots as a browser opens connections and two for pages that wait for an answer behind a
# copy, or as a job makes calls at once. An account gets six for each concurrent call: with more slots the
# waits became longer, but as many calls failed in the end.
limiter = AccountLimiter(
    in_all=IN_ALL,
    of_person=max(8, settings.POSTER_MAX_CONCURRENCY + 2),
    of_account=6 * settings.POSTER_MAX_CONCURRENCY,
)
# The share of a call's remaining time that it may wait for its slot.
SHARE_FOR_WAITING = 0.5
LEASE_MARGIN = 5.0

_turn_of_files = threading.Lock()


class LimitedTransport(Transport):
    """The transport of this process, which waits for a slot of the account before each exchange."""

    def __init__(self, transport: Transport, account: str, person: int) -> None:
        self._transport = transport
        self._account = account
        self._person = person

    def exchange(self, verb: str, url: str, *, deadline: float, **request: Any) -> Answer | Failure:
        left = max(0.0, deadline - time.monotonic())
        release_database()
        try:
            with (
                limiter.entered(self._person, account=self._account),
                slot(
                    f"{settings.POSTER_API_URL} {self._account}",
                    settings.POSTER_MAX_CONCURRENCY,
                    wait=left * SHARE_FOR_WAITING,
                    lease=left + LEASE_MARGIN,
                ),
            ):
                return self._transport.exchange(verb, url, deadline=deadline, **request)
        except NoSlot:
            return Failure(ErrorReason.BUSY, sent=False, retryable=False)


def release_database() -> None:
    """Return the PostgreSQL connection to its pool: other threads need it while this one waits."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


@contextmanager
def file_turn(person: int) -> Iterator[None]:
    """Wait for the turn of a user's file, and hold it. Raises `Unreachable` if too many wait already.

    Threads share the interpreter: beside four files at once a page took twelve times as long as in quiet,
    beside one twice (`make bench ARGS=files`). A thread that waits for its turn has one of the slots of those
    that wait for Poster, so that threads are left for other pages.
    """
    release_database()
    try:
        with limiter.entered(person), _turn_of_files:
            yield
    except NoSlot:
        raise busy() from None


def busy() -> Unreachable:
    """Return the error for a call that did not get a slot."""
    return Unreachable("too many are asking", reason=ErrorReason.BUSY, sent=False, retryable=False)
