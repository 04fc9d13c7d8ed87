"""Test the runs of workers that are processes of their own: killed amid one, and two at once."""

import contextlib
import sqlite3
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, wait_until
from tests.support.figures import GUESTS, put_group

pytestmark = pytest.mark.slow
SWITCH_ON = """
import django
django.setup()
from django.contrib.auth.models import User
from groups.features.elsewhere.services import switch_on
switch_on(User.objects.get().credentials)
"""


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox() as sandbox:
        put_group(sandbox, GUESTS, "Гості")
        dashboard = Dashboard(tmp_path, sandbox, POSTER_LAG_SECONDS="0", MOVEMENT_SECONDS="0")
        yield dashboard
        dashboard.close()


def test_a_run_that_is_killed_wherever_it_is_is_made_again_and_stores_each_day_once(dashboard):
    sandbox = dashboard.sandbox
    day = datetime.now(ZoneInfo("Europe/Kyiv")).date() - timedelta(days=1)
    client_id = sandbox.console().put_client(GUESTS, bonus="500")
    sandbox.console().sell(client_id, day, 1_000, 1_000)
    dashboard.run("-c", SWITCH_ON)
    for held in ("dash.getTransactions", "clients.getClients"):
        sandbox.script(held, "timeout", seconds=60.0)
        dashboard.start_worker()
        wait_until(lambda held=held: is_held(sandbox, held), 0.02, 60)
        dashboard.kill_workers()
        assert not dashboard.table("figures_figure")
        with contextlib.closing(sqlite3.connect(dashboard.database, timeout=20)) as database, database:
            database.execute("UPDATE figures_tally SET held_until = '2020-01-01 00:00:00'")
        sandbox.clear_faults()
    for _ in range(2):
        dashboard.start_worker()
    wait_until(lambda: dashboard.table("figures_figure"), 0.05, 60)
    (night,) = [row for row in dashboard.table("figures_figure") if row["group_id"] == GUESTS]
    assert (night["day"], night["clients"], night["revenue"]) == (f"{day}", 1, 10)


def is_held(sandbox, method):
    return any(call.fault and call.method == method for call in sandbox.log)
