"""Commits that need not wait for the disk, beside all the others, which do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection


@contextmanager
def unhurried() -> Iterator[None]:
    """Commit what is done in the block without waiting for the disk: that takes longer than all of it.

    The end of a process loses nothing of it. A power failure does, unless a later commit, in whichever
    process, has taken it along to the disk. Within a transaction, and on PostgreSQL, nothing is different.

    Source: https://sqlite.org/pragma.html#pragma_synchronous, NORMAL in WAL mode.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    ours = connection.connection
    with connection.wrap_database_errors:
        ours.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        # One that was closed by what failed in the block has no level any more.
        with suppress(sqlite3.ProgrammingError):
            ours.execute("PRAGMA synchronous=FULL")
