"""Commits that need not wait for the disk, beside all the others, which do."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    sqlite = connection.connection
    sqlite.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        sqlite.execute("PRAGMA synchronous=FULL")
