"""Test the migrations that rewrite rows, on a database of the version before."""

import sqlite3
import uuid
from contextlib import closing

import pytest

from tests.support.processes import run_python

# A migration that is written does not change any more.
pytestmark = [pytest.mark.thorough, pytest.mark.slow]
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


def migrate(path, *target):
    done = run_python("manage.py", "migrate", "groups", *target, DATABASE_URL=f"sqlite:///{path}")
    assert done.returncode == 0, done.stderr


FAILED = {status: uuid.uuid4().hex for status in STATUSES}
REMOVAL, RETIREMENT, MOVE, PLANNED, PLAN = (uuid.uuid4().hex for _ in range(5))


def fail(database):
    """Write changes that failed with each status, as version 0004 did."""
    insert(database, "groups_posteraccount", name="demo")
    row = {"account_id": "demo", "action": "update", "state": "failed"}
    for status, pk in FAILED.items():
        insert(database, "groups_change", id=pk, target=f"group:{status}", status=status, **row)


def open_some(database):
    """Write an open removal, open jobs and a plan, with their locks, as version 0008 did."""
    row = {"account_id": "demo", "action": "remove", "target": "group:5", "state": "unknown"}
    insert(database, "groups_change", id=REMOVAL, **row)
    for pk, kind, group in ((RETIREMENT, "retire", 6), (MOVE, "move", 8), (PLANNED, "retire", 10)):
        row = {"account_id": "demo", "kind": kind, "state": "running", "wanted": "{}"}
        insert(database, "groups_job", id=pk, group_id=group, target_id=group + 1, **row)
    held = [("members:5", "change_id", REMOVAL), ("group:5", "change_id", REMOVAL)]
    held += [(f"members:{group}", "job_id", RETIREMENT) for group in (6, 7)]
    held += [(f"members:{group}", "job_id", MOVE) for group in (8, 9)]
    # The change of group 10 was planned before its retirement began.
    values = {"group_id": 10, "state": "planned", "base": "{}", "planned": "{}"}
    insert(database, "groups_schedule", id=PLAN, account_id="demo", **values)
    held += [("schedule:10", "schedule_id", PLAN), ("members:10", "job_id", PLANNED)]
    for number, (key, column, owner) in enumerate(held, 1):
        insert(database, "groups_lock", id=number, account_id="demo", key=key, **{column: owner})


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """Return a database that was used in two old versions, and has come to this one."""
    path = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    for version, use in (("0004", fail), ("0008", open_some)):
        migrate(path, version)
        with closing(sqlite3.connect(path)) as database, database:
            use(database)
    migrate(path)
    with closing(sqlite3.connect(path)) as database:
        yield database


def test_the_statuses_of_old_changes_become_kinds_of_failures(migrated):
    found = dict(migrated.execute("SELECT id, failure FROM groups_change WHERE state = 'failed'").fetchall())
    assert found == {pk: STATUSES[status] for status, pk in FAILED.items()}


def test_open_removals_and_retirements_keep_plans_away_from_their_groups(migrated):
    owner = "coalesce(change_id, job_id, row_id)"
    query = f"SELECT key, {owner} FROM groups_lock WHERE key LIKE 'schedule:%'"  # noqa: S608 - ours
    found = sorted(migrated.execute(query).fetchall())
    assert found == [("schedule:10", PLAN), ("schedule:5", REMOVAL), ("schedule:6", RETIREMENT)]
