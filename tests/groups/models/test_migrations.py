"""Test the migrations that rewrite rows, on a database of the version before."""

import sqlite3
import uuid
from contextlib import closing

from tests.common.test_copy_database import run

STATUSES = {0: "", 404: "not_found", 409: "behind", 422: "rejected", 424: "no_access", 502: "unclear"}
STATUSES |= {503: "busy", 504: "unreachable"}
EMPTY = {"bool": 0, "integer": 0, "smallint unsigned": 0, "integer unsigned": 0}


def insert(database, table, **values):
    """Insert a row with these values; the other columns are null or empty."""
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    filled = {
        name: values.get(name, EMPTY.get(kind, "2026-11-01 10:00:00" if kind == "datetime" else ""))
        for _, name, kind, notnull, _, _ in columns
        if notnull or name in values
    }
    marks = ", ".join("?" * len(filled))
    database.execute(f"INSERT INTO {table} ({', '.join(filled)}) VALUES ({marks})", [*filled.values()])  # noqa: S608 - our own names


def test_the_statuses_of_old_changes_become_kinds_of_failures(tmp_path):
    path = tmp_path / "old.sqlite3"
    here = {"DATABASE_URL": f"sqlite:///{path}"}
    assert run("manage.py", "migrate", "groups", "0004", **here).returncode == 0
    ids = {status: uuid.uuid4().hex for status in STATUSES}
    with closing(sqlite3.connect(path)) as database, database:
        insert(database, "groups_posteraccount", name="demo")
        for status, pk in ids.items():
            insert(
                database,
                "groups_change",
                id=pk,
                account_id="demo",
                action="update",
                target=f"group:{status}",
                state="failed",
                status=status,
            )
    migrated = run("manage.py", "migrate", "groups", **here)
    assert migrated.returncode == 0, migrated.stderr
    with closing(sqlite3.connect(path)) as database:
        found = dict(database.execute("SELECT id, failure FROM groups_change").fetchall())
    assert found == {pk: STATUSES[status] for status, pk in ids.items()}
