"""Test the sweep of a worker that is a process of its own and is killed amid it."""

import contextlib
import sqlite3

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, wait_until

pytestmark = pytest.mark.slow
SETUP = """
import django
django.setup()
from groups.features.insights.models import Sweep
from groups.features.insights.services.sales import SalesAdder
from groups.models import PosterCredentials
credentials = PosterCredentials.objects.get()
"""
ASK = SETUP + "Sweep.objects.create(credentials=credentials, days=30, clients=0)"
KEPT = SETUP + "assert SalesAdder(credentials, 30).kept()"


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox() as sandbox:
        dashboard = Dashboard(tmp_path, sandbox)
        yield dashboard
        dashboard.close()


def test_a_sweep_whose_worker_is_killed_is_made_by_the_next_worker(dashboard):
    sandbox = dashboard.sandbox
    dashboard.run("-c", ASK)
    sandbox.script("clients.getClients", "timeout", seconds=60.0)
    dashboard.start_worker()
    wait_until(lambda: any(call.fault for call in sandbox.calls("clients.getClients")), 0.02, 60)
    dashboard.kill_workers()
    with contextlib.closing(sqlite3.connect(dashboard.database, timeout=20)) as database, database:
        database.execute("UPDATE insights_sweep SET held_until = '2020-01-01 00:00:00'")
    sandbox.clear_faults()
    dashboard.start_worker()
    wait_until(lambda: not dashboard.table("insights_sweep"), 0.05, 60)
    dashboard.run("-c", KEPT)
