"""Connections to SQLite out of a pool, as Django has it for PostgreSQL.

Without one each thread keeps a connection, with all definitions of tables and some pages in it: 250 kB for
each of 144 threads, most of which wait for Poster. What is in the pool has them at hand for the next one.
"""

import sqlite3
from functools import cache
from queue import Empty, Full, LifoQueue
from typing import Any

from django.db.backends.sqlite3 import base

SIZE = 16
WAIT = 0.1
"""Seconds: who has waited so long for one to come back opens one more."""

type Pool = LifoQueue[sqlite3.Connection | None]


@cache
def _pool(_database: str) -> Pool:
    """Return the pool of a database; None in it stands for one that is still to be opened."""
    pool: Pool = LifoQueue(SIZE)
    for _ in range(SIZE):
        pool.put(None)
    return pool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, but what is closed goes back to the pool, unless something was left undone in it."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        try:
            connection = self._pool.get(timeout=WAIT)
        except Empty:
            connection = None
        if connection is None:
            return self._opened(conn_params)
        # Whoever had it may have been in a hurry: `groups.outages.patience`.
        connection.execute(f"PRAGMA busy_timeout={conn_params['timeout'] * 1000:.0f}")
        return connection

    def _opened(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        try:
            opened: sqlite3.Connection = super().get_new_connection(conn_params)
        except BaseException:
            self._give_back(None)
            raise
        return opened

    def _close(self) -> None:
        connection = self.connection
        if connection is None:
            return
        if connection.in_transaction or self.errors_occurred or not self._give_back(connection):
            super()._close()  # type: ignore[misc]  # the stubs do not know it
            self._give_back(None)

    def _give_back(self, connection: sqlite3.Connection | None) -> bool:
        try:
            self._pool.put_nowait(connection)
        except Full:
            return False
        return True

    @property
    def _pool(self) -> Pool:
        return _pool(str(self.settings_dict["NAME"]))
