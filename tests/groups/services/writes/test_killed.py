"""Test servers and workers that are killed and started again: nothing is lost or sent twice."""

import contextlib
import random
import sqlite3

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import (
    ACTIONS,
    POINTS,
    Dashboard,
    faults_found,
    kill_during,
)
from tests.support.pairwise import examples

pytestmark = pytest.mark.slow


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox(groups=30) as sandbox:
        dashboard = Dashboard(tmp_path, sandbox)
        try:
            yield dashboard
        finally:
            dashboard.close()


TWO = [("journal row", "create"), ("before the send", "remove")]
DOZEN = [(point, action) for point in POINTS for action in ACTIONS]


def test_what_a_killed_server_leaves_is_settled(dashboard):
    """Kill the server at each of four points of each kind of write; a worker settles all without a server."""
    kills = examples(TWO, DOZEN)
    sandbox, chance = dashboard.sandbox, random.Random(1)
    writes = [dashboard.plan(action, point) for point, action in kills]
    for write in writes:
        dashboard.start()
        kill_during(dashboard, write, chance)
        row = dashboard.rows()[write.operation]
        assert row["state"] == "pending", write
        assert bool(row["sent_at"]) is (write.point != "journal row"), write
    posts = len(sandbox.posts())
    dashboard.start_worker()
    dashboard.wait_until_settled()
    rows = dashboard.rows()
    assert {write.operation: faults_found(write, rows[write.operation], sandbox) for write in writes} == {
        write.operation: [] for write in writes
    }
    assert len(sandbox.posts()) == posts
    ends = {point: set() for point in POINTS}
    for write in writes:
        row = rows[write.operation]
        ends[write.point].add((row["state"], row["reason"]))
    assert ends["journal row"] <= {("failed", "never_sent")}
    # A request under way when its sender died may have arrived.
    assert ends["before the send"] <= {("failed", "not_applied"), ("applied", "")}
    assert ends["before settling"] <= {("applied", "")}


def test_the_command_settles_what_a_kill_left(dashboard):
    write = dashboard.plan("update", "before settling")
    dashboard.start()
    kill_during(dashboard, write)
    with contextlib.closing(sqlite3.connect(dashboard.database)) as database, database:
        database.execute("UPDATE groups_change SET created_at = '2026-01-01 00:00:00'")  # no longer in flight
    told = dashboard.run("manage.py", "reconcile")
    assert "0 still open" in told
    assert f"{write.operation} update group:{write.group_id} applied" in told
    assert faults_found(write, dashboard.rows()[write.operation], dashboard.sandbox) == []
