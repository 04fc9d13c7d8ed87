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


def test_open_removals_and_retirements_keep_plans_away_from_their_groups(tmp_path):
    path = tmp_path / "old.sqlite3"
    here = {"DATABASE_URL": f"sqlite:///{path}"}
    assert run("manage.py", "migrate", "groups", "0008", **here).returncode == 0
    removal, retirement, move = (uuid.uuid4().hex for _ in range(3))
    with closing(sqlite3.connect(path)) as database, database:
        insert(database, "groups_posteraccount", name="demo")
        row = {"account_id": "demo", "action": "remove", "target": "group:5", "state": "unknown"}
        insert(database, "groups_change", id=removal, **row)
        for pk, kind, group in ((retirement, "retire", 6), (move, "move", 8)):
            ids = {"group_id": group, "target_id": group + 1}
            insert(
                database,
                "groups_job",
                id=pk,
                account_id="demo",
                kind=kind,
                state="running",
                wanted="{}",
                **ids,
            )
        held = [("members:5", "change_id", removal), ("group:5", "change_id", removal)]
        held += [(f"members:{group}", "job_id", retirement) for group in (6, 7)]
        held += [(f"members:{group}", "job_id", move) for group in (8, 9)]
        for number, (key, column, owner) in enumerate(held, 1):
            insert(database, "groups_lock", id=number, account_id="demo", key=key, **{column: owner})
    migrated = run("manage.py", "migrate", "groups", **here)
    assert migrated.returncode == 0, migrated.stderr
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(
            "SELECT key, change_id, job_id FROM groups_lock WHERE key LIKE 'schedule:%' ORDER BY key"
        ).fetchall()
    assert found == [("schedule:5", removal, None), ("schedule:6", None, retirement)]
