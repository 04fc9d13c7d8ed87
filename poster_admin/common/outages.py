"""Recognise outages of the database, the cache or the disk, and go on without them where possible.

Essential work waits or fails with a 503; optional work is left out. A programming error is no outage.
"""

import copy
import errno
import logging
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import OperationalError, close_old_connections, connection

log = logging.getLogger("groups.outages")

_SQLITE = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL),
}
# System errors that count as an outage: the disk is full, failing or read-only, the machine is out of
# resources, or files belong to another user, as cache and lock files do after root has run a command.
_SYSTEM = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
MAX_WAIT = 1.0
"""Seconds that optional work may wait for a locked database."""
SHARED_REST = 5.0
"""Seconds for which a failed cache is not asked again: each request could take as long as its time-out."""


class Outage(Exception):
    """The operation failed because the database, the cache or the disk is away."""


def is_outage(error: BaseException) -> bool:
    match error:
        case Outage():
            return True
        case OperationalError() | sqlite3.OperationalError():
            cause = error if isinstance(error, sqlite3.Error) else error.__cause__
            # SQLite has one class for outages and mistakes, so its code decides.
            code = getattr(cause, "sqlite_errorcode", 0)
            return not isinstance(cause, sqlite3.Error) or code & 0xFF in _SQLITE
        case OSError():
            return error.errno in _SYSTEM
        case _:
            redis = sys.modules.get("redis")  # These errors exist only if the module is loaded.
            return redis is not None and isinstance(error, redis.RedisError)


def first_line(error: BaseException) -> str:
    """Return the first line of an error: drivers add hints and the statement below it."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class OutageFilter(logging.Filter):
    """Name an outage in the line of its 503: the same traceback for each request would hide all else."""

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not is_outage(error):
            return record
        short = copy.copy(record)
        short.msg, short.args = f"{record.getMessage()}: {type(error).__name__}: {first_line(error)}", ()
        short.exc_info = None
        return short


@contextmanager
def optional(what: str) -> Iterator[None]:
    """Skip the block while the database or the disk is away, and log that."""
    if connection.in_atomic_block:  # the error concerns the whole transaction
        yield
        return
    try:
        with max_wait(MAX_WAIT):
            yield
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("Left out, %s: %s", type(error).__name__, what)
        close_old_connections()  # The next query opens a connection that works.


@contextmanager
def max_wait(seconds: float) -> Iterator[None]:
    """Limit the wait for an SQLite database that another process has locked."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with suppress(OperationalError):
        connection.ensure_connection()
    ours = connection.connection
    if ours is None:  # The block meets the same outage.
        yield
        return
    with connection.wrap_database_errors:
        ours.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
    try:
        yield
    finally:
        if connection.connection is ours:  # A new connection has the usual time-out.
            ours.execute(f"PRAGMA busy_timeout={connection.settings_dict['OPTIONS']['timeout'] * 1000:.0f}")


def ask_shared[T, D](ask: Callable[[], T], default: D) -> T | D:
    """Ask the shared cache or semaphore; return the default while that is away or has its SHARED_REST."""
    global _shared_rests_until  # noqa: PLW0603 - one Redis, or one disk, for the process
    if time.monotonic() < _shared_rests_until:
        return default
    try:
        return ask()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("The cache is away: %s", type(error).__name__)
        _shared_rests_until = time.monotonic() + SHARED_REST
        return default


_shared_rests_until = 0.0
