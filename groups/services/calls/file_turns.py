"""Let one thread of a process at a time make or read a file of thousands of rows.

Threads share the interpreter: beside four files at once a page took twelve times as long as in quiet, beside
one twice (`make bench ARGS=files`). A thread that waits for its turn has one of the slots of those that wait
for Poster, so that threads are left for other pages.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from groups.services.calls.limits import busy, limiter, release_database
from poster_admin.common.limits.semaphore import NoSlot

_turn = threading.Lock()


@contextmanager
def file_turn(person: int) -> Iterator[None]:
    """Wait for the turn of a user's file, and hold it. Raises `Unreachable` if too many wait already."""
    release_database()
    try:
        with limiter.entered(person), _turn:
            yield
    except NoSlot:
        raise busy() from None
