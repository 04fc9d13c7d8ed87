"""Test a server that is killed during a write and started again: nothing is lost or sent twice."""

import random

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.tools.killing import ACTIONS, POINTS, Dashboard, faults_found, kill_during


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox(groups=30) as sandbox:
        dashboard = Dashboard(tmp_path, sandbox)
        try:
            yield dashboard
        finally:
            dashboard.close()


@pytest.mark.product
def test_a_dozen_kills(dashboard):
    """Kill the server at each of four points of each kind of write."""
    assert_all_is_settled_after(dashboard, [(point, action) for point in POINTS for action in ACTIONS])


def test_two_kills(dashboard):
    assert_all_is_settled_after(dashboard, [("journal row", "create"), ("before the send", "remove")])


def assert_all_is_settled_after(dashboard, kills):
    """Kill the server at these points of these writes; the next server settles the changes."""
    sandbox, chance = dashboard.sandbox, random.Random(1)
    writes = [dashboard.plan(action, point) for point, action in kills]
    for write in writes:
        dashboard.start()
        kill_during(dashboard, write, chance)
        row = dashboard.rows()[write.operation]
        assert row["state"] == "pending", write
        assert bool(row["sent_at"]) is (write.point != "journal row"), write
    posts = len(sandbox.posts())
    dashboard.start()
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
    told = ""
    while "0 still open" not in told:
        told = dashboard.run("manage.py", "reconcile")
    assert f"{write.operation} update group:{write.group_id} applied" in told
    assert faults_found(write, dashboard.rows()[write.operation], dashboard.sandbox) == []
