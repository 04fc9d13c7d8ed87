"""Test a worker that is killed: no client is lost or moved twice."""

import contextlib

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard
from tests.support.dashboard.moving import Move

pytestmark = pytest.mark.slow
CLIENTS = 20
# A client that is back where they were a moment ago proves nothing while that may be a late read.
SHORT = {"JOB_LEASE_SECONDS": "1.5", "POSTER_LAG_SECONDS": "1"}


@pytest.fixture
def dashboard(tmp_path):
    with (
        Sandbox(latency=0.02) as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox, **SHORT)) as dashboard,
    ):
        yield dashboard


def test_a_move_of_clients_of_two_groups_survives_its_worker(dashboard):
    move = Move(dashboard, CLIENTS, (4, 5))
    try:
        move.wait_for(CLIENTS // 2)
        move.kill_worker()
        move.wait_until_ended(120)
    finally:
        move.end_worker()
    assert move.faults_found() == []
    sent = [call.form["client_id"] for call in dashboard.sandbox.posts("clients.updateClient")]
    assert set(sent) == move.wanted
    # A move under way when its worker died may be sent again, after it was found not to be applied.
    assert len(sent) <= len(move.wanted) + 4
