"""Let one process at a time migrate a database, and none replace it while a server or a worker has it."""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper

# Any number that no other program uses as an advisory lock in this database.
MIGRATION_LOCK = 0x504F53544552
BUSY = "The database is in use: {}. Stop the server, the workers and the timers first."


@contextmanager
def held(path: Path, kind: int) -> Iterator[bool]:
    """Hold the lock of a file; yield False if `kind` has LOCK_NB and another process is in the way.

    The kernel releases it however the process ends. Raises `CommandError`.
    """
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CommandError(str(error)) from None
    with file:
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def migration_lock(alias: str) -> Iterator[None]:
    """Let one process at a time migrate a database. A file of SQLite is made here alone."""
    if connections[alias].vendor == "sqlite":
        path = sqlite_file(alias)
        with held(Path(f"{path}.lock"), fcntl.LOCK_EX) if path else nullcontext():
            if path and not path.exists():
                path.touch()
            yield
        return
    with own_session(alias) as cursor:
        # Poll: a session waiting inside pg_advisory_lock would block CREATE INDEX CONCURRENTLY for ever.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        while cursor.fetchone() != (True,):
            time.sleep(0.1)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        yield


def sqlite_file(alias: str) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, which other processes do not see."""
    connection = connections[alias]
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or "mode=memory" in name:
        return None
    return Path(name)


@contextmanager
def own_session(alias: str) -> Iterator[CursorWrapper]:
    """Open a session outside PostgreSQL's pool, which would keep it, and hide why none can be opened."""
    connection = connections[alias]
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    session = type(connection)({**connection.settings_dict, "OPTIONS": options}, alias)
    with closing(session), session.cursor() as cursor:
        yield cursor


@contextmanager
def in_use() -> Iterator[None]:
    """Say that this process uses the database. PostgreSQL knows its sessions on its own."""
    path = sqlite_file(DEFAULT_DB_ALIAS)
    if path is None:
        if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
            raise CommandError("DATABASE_URL is a database in memory, which each process has for itself.")
        yield
        return
    with held(Path(f"{path}.in-use"), fcntl.LOCK_SH | fcntl.LOCK_NB) as is_held:
        if not is_held:
            raise CommandError("A backup is being restored. Start again when that is done.")
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Hold the database for this process alone. Raises `CommandError` while another one uses it."""
    if path := sqlite_file(DEFAULT_DB_ALIAS):
        with held(Path(f"{path}.in-use"), fcntl.LOCK_EX | fcntl.LOCK_NB) as is_held:
            if not is_held:
                raise CommandError(BUSY.format("a server or a worker runs"))
            if path.exists():
                _refuse_open_file(path)
            yield
        return
    # A server that starts from now on waits for this lock.
    with migration_lock(DEFAULT_DB_ALIAS):
        if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
            _refuse_other_sessions()
        yield


def _refuse_open_file(path: Path) -> None:
    """Stop if any process has SQLite's file open: its log mode ends for the last connection alone."""
    try:
        with closing(sqlite3.connect(path, timeout=0)) as database:
            database.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        # A damaged file is in nobody's way.
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise CommandError(BUSY.format("another process has it open")) from None


def _refuse_other_sessions() -> None:
    with own_session(DEFAULT_DB_ALIAS) as cursor:
        for pause in (0.1, 0.4, 1.0, 0):  # PostgreSQL counts a session for a moment after its end
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            (sessions,) = cursor.fetchone() or (0,)
            if sessions <= 1:  # the one that holds the lock
                return
            time.sleep(pause)
    raise CommandError(BUSY.format(f"PostgreSQL has {sessions - 1} sessions of it"))
