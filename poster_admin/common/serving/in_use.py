"""Keep a database from being replaced while a server or a worker has it open."""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper

from poster_admin.common.serving import preparing

BUSY = "The database is in use: {}. Stop the server, the workers and the timers first."
PAUSES = (0.1, 0.4, 1.0)  # seconds
SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@contextmanager
def in_use() -> Iterator[None]:
    """Say that this process uses the database. PostgreSQL knows its sessions on its own."""
    path = preparing.sqlite_file(DEFAULT_DB_ALIAS)
    if path is None:
        if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
            raise CommandError("DATABASE_URL is a database in memory, which each process has for itself.")
        yield
        return
    with held(path, "in-use", fcntl.LOCK_SH) as is_held:
        if not is_held:
            raise CommandError("A backup is being restored. Start again when that is done.")
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Hold the database for this process alone. Raises `CommandError` while another one uses it."""
    if path := preparing.sqlite_file(DEFAULT_DB_ALIAS):
        with held(path, "in-use", fcntl.LOCK_EX) as is_held:
            if not is_held:
                raise CommandError(BUSY.format("a server or a worker runs"))
            _refuse_open_file(path)
            yield
        return
    # A server that starts from now on waits for this lock.
    with preparing.migration_lock(DEFAULT_DB_ALIAS):
        if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
            _refuse_other_sessions()
        yield


def _refuse_other_sessions() -> None:
    with preparing.own_session(DEFAULT_DB_ALIAS) as cursor:
        # PostgreSQL counts a session for a moment after its end.
        for pause in PAUSES:
            if not _other_sessions(cursor):
                return
            time.sleep(pause)
        if others := _other_sessions(cursor):
            raise CommandError(BUSY.format(f"PostgreSQL has {others} sessions of it"))


def _other_sessions(cursor: CursorWrapper) -> int:
    cursor.execute(SESSIONS)
    (sessions,) = cursor.fetchone() or (0,)
    return max(sessions - 1, 0)  # without the one that holds the lock


def _refuse_open_file(path: Path) -> None:
    """Stop if any process has SQLite's file open, also one that says nothing about it.

    SQLite leaves its log mode only for the last connection.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0)) as database:
            database.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        # A damaged file is in nobody's way.
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise CommandError(BUSY.format("another process has it open")) from None


@contextmanager
def held(path: Path, suffix: str, kind: int) -> Iterator[bool]:
    """Hold the lock of a file beside this one; yield False while another process is in the way."""
    with preparing.lock_file(path.with_name(f"{path.name}.{suffix}")) as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
