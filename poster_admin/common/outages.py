"""Trouble of our own database, cache or disk that passes by itself, and how to go on meanwhile.

What is needed waits, or fails with a 503; what is only nice to have is left out. A mistake of ours is none.
"""

import errno
import logging
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, close_old_connections, connection

log = logging.getLogger("groups.outages")

_SQLITE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)
# Errors of an open file, a disk and a machine: full, failing, read-only, used up, or of another user: a cache
# in files and the files of the turns stay those of root after a command that root has run.
_SYSTEM = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    )
)
PATIENCE = 1.0
"""Seconds that something nice to have may wait for a locked database."""
SHARED_REST = 5.0
"""Seconds for which a cache that failed is left alone: each question could take as long as its time-out."""


class Outage(Exception):
    """Something could not be done because our database, cache or disk is away."""


def is_outage(error: BaseException) -> bool:
    """Return True if an error says that the database, the cache or the disk is away for now."""
    match error:
        case Outage():
            return True
        case OperationalError() | sqlite3.OperationalError():
            return _is_of_database(error)
        case OSError():
            return error.errno in _SYSTEM
        case _:
            redis = sys.modules.get("redis")  # its errors exist only where it is loaded
            return redis is not None and isinstance(error, redis.RedisError)


def _is_of_database(error: Exception) -> bool:
    """Tell an outage from a mistake: SQLite has one class for both, so its code decides."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return True
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE


@contextmanager
def optional(what: str) -> Iterator[None]:
    """Leave out what is done in the block while the database or the disk is away, and say so in the log.

    Within a transaction an error is that of the whole, so it is raised.
    """
    if connection.in_atomic_block:
        yield
        return
    try:
        with patience(PATIENCE):
            yield
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("Left out, %s: %s", type(error).__name__, what)
        close_old_connections()  # the next question gets one that works


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Wait no longer than this for an SQLite database that another process has locked."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    ours = connection.connection
    with connection.wrap_database_errors:
        ours.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
    try:
        yield
    finally:
        if connection.connection is ours:  # a new one has the usual time
            ours.execute(f"PRAGMA busy_timeout={connection.settings_dict['OPTIONS']['timeout'] * 1000:.0f}")


def ask_shared[T, D](ask: Callable[[], T], default: D) -> T | D:
    """Return the answer of what processes share, the cache or the turns, or the default while that is away.

    After a failure it is not asked for a moment.
    """
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
