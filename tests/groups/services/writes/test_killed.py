"""Test servers and workers that are killed and started again: nothing is lost or sent twice."""

import contextlib
import random
import time
from datetime import UTC, datetime

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import (
    ACTIONS,
    HOLD,
    POINTS,
    READ,
    SECONDS,
    WRITE,
    Dashboard,
    faults_found,
    kill_during,
    wait_until,
)
from tests.support.pairwise import examples

pytestmark = pytest.mark.slow
# Seconds by which a check may be late: a worker looks once a second, the machine may be busy, and the next
# check is due 8 seconds after this one.
LATE = 7.0


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
    # Nobody settles it before: each try is a process that starts for nothing.
    time.sleep(float(SECONDS["POSTER_WRITE_DEADLINE"]) + float(SECONDS["POSTER_GRACE_SECONDS"]))
    told = ""
    while "0 still open" not in told:
        told = dashboard.run("manage.py", "reconcile")
    assert f"{write.operation} update group:{write.group_id} applied" in told
    assert faults_found(write, dashboard.rows()[write.operation], dashboard.sandbox) == []


@pytest.mark.thorough  # one more kill
def test_a_worker_that_is_killed_while_it_reconciles_is_followed_by_another_one(dashboard):
    """Kill it in the middle of a check: the next worker settles the change without a second send."""
    sandbox, write = dashboard.sandbox, dashboard.plan("update", "before settling")
    dashboard.start()
    kill_during(dashboard, write)
    sandbox.script("clients.getGroup", "timeout", seconds=HOLD)
    sandbox.log.clear()
    dashboard.start_worker()
    wait_until(lambda: any(call.fault for call in sandbox.log), 0.05, 60)
    dashboard.kill_workers()
    sandbox.clear_faults()
    row = dashboard.rows()[write.operation]
    assert (row["state"], row["checks"]) == ("unknown", 1)
    began = time.monotonic()
    dashboard.start_worker()
    dashboard.wait_until_settled()
    assert time.monotonic() - began < 60
    row = dashboard.rows()[write.operation]
    assert (row["state"], row["checks"]) == ("applied", 2)
    assert not sandbox.posts()
    assert write.is_in_force(sandbox.accounts["demo"].groups)


def test_a_check_comes_as_soon_as_it_is_due_and_pages_make_none(tmp_path):
    """Open the page of the change all the time; the worker checks after 2, and again after 10 seconds."""
    checks = examples(1, 2)
    with (
        Sandbox(groups=30) as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox, POSTER_SETTLE_SECONDS="1800")) as dashboard,
    ):
        dashboard.start()
        dashboard.start_worker()
        wait_until(lambda: dashboard.table("groups_workerheartbeat"), 0.1, 60)
        write = dashboard.plan("update", "")
        form = dashboard.open_form(write)
        sandbox.script(WRITE["update"], "fin_before_headers", when="after")
        sandbox.script(READ["update"], "fin_before_headers", call=2, times=None)
        assert dashboard.send_form(*form).status_code == 504
        for number in range(1, checks + 1):
            row = dashboard.rows()[write.operation]
            assert row["checks"] == number - 1
            due_at = datetime.fromisoformat(row["next_check_at"]).replace(tzinfo=UTC)
            sandbox.log.clear()
            while datetime.now(UTC) < due_at:
                assert 'data-outcome="unknown"' in dashboard.look(f"/history/{write.operation}/")
                assert not sandbox.log
                time.sleep(0.1)
            wait_until(lambda: sandbox.log, 0.02)
            assert (datetime.now(UTC) - due_at).total_seconds() < LATE
            wait_until(lambda: len(sandbox.log) == 2)  # a read is tried twice
