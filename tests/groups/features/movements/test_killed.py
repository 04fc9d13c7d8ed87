"""Test the polls of workers that are processes of their own, which are killed amid one, and two at once."""

import contextlib
import sqlite3

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, wait_until
from tests.support.movements import GOLD, GUESTS, put_groups

pytestmark = pytest.mark.slow
SWITCH_ON = """
import django
django.setup()
from django.contrib.auth.models import User
from groups.features.elsewhere.services import switch_on
owner = User.objects.get()
switch_on(owner.credentials)
"""


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox() as sandbox:
        seconds = {"MOVEMENT_SECONDS": "1", "POSTER_CONFIRM_SECONDS": "0.1", "POSTER_LAG_SECONDS": "0"}
        dashboard = Dashboard(tmp_path, put_groups(sandbox), **seconds)
        yield dashboard
        dashboard.close()


def roll_of(dashboard):
    return next(iter(dashboard.table("movements_roll")), {"taken_at": None, "judged_at": None})


def kill_and_free(dashboard):
    """Kill the workers, and let the time of their lease pass."""
    dashboard.kill_workers()
    with contextlib.closing(sqlite3.connect(dashboard.database, timeout=20)) as database, database:
        database.execute("UPDATE movements_roll SET held_until = '2020-01-01 00:00:00'")


def test_a_killed_run_stores_each_movement_once(dashboard):
    sandbox, held = dashboard.sandbox, "clients.getClients"
    moved, stays = (sandbox.console().put_client(GUESTS, lastname="Видима") for _ in range(2))
    dashboard.run("-c", SWITCH_ON)
    dashboard.start_worker()
    wait_until(lambda: roll_of(dashboard)["taken_at"], 0.05, 60)
    kill_and_free(dashboard)
    sandbox.console().edit_client(moved, client_groups_id=str(GOLD))
    # The worker dies while Poster works.
    known = len(sandbox.log)
    sandbox.script(held, "timeout", seconds=60.0)
    dashboard.start_worker()
    wait_until(lambda: any(call.fault and call.method == held for call in sandbox.log[known:]), 0.02, 60)
    before = roll_of(dashboard)
    assert before["holder"]
    kill_and_free(dashboard)
    assert not dashboard.table("movements_movement")
    sandbox.clear_faults()
    for _ in range(2):
        dashboard.start_worker()
    wait_until(lambda: dashboard.table("movements_movement"), 0.05, 60)
    told_at = roll_of(dashboard)["judged_at"]
    wait_until(lambda: roll_of(dashboard)["judged_at"] > told_at, 0.05, 60)
    rows = dashboard.table("movements_movement")
    assert [(row["client_id"], row["from_id"], row["to_id"], row["reason"]) for row in rows] == [
        (moved, GUESTS, GOLD, "elsewhere")
    ]
    assert stays not in {row["client_id"] for row in rows}
