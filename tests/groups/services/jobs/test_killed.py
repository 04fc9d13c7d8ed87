"""Test a worker that is killed again and again: no client is lost or moved twice."""

import contextlib

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.tools.dashboard.killing import Dashboard
from tests.tools.dashboard.moving import Move

pytestmark = pytest.mark.slow
CLIENTS = 40


@pytest.fixture
def dashboard(tmp_path):
    with (
        Sandbox(latency=0.02) as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox, JOB_LEASE_SECONDS="1.5")) as dashboard,
    ):
        yield dashboard


@pytest.mark.parametrize(
    ("kills", "sources"),
    [
        pytest.param(1, (4, 5), id="1-chosen of two"),
        pytest.param(3, (4,), id="3-one group", marks=pytest.mark.product),
    ],
)
def test_a_move_survives_its_workers(dashboard, kills, sources):
    move = Move(dashboard, CLIENTS, sources)
    try:
        for number in range(1, kills + 1):
            move.wait_for(CLIENTS * number // (kills + 1))
            move.kill_worker()
        move.wait_until_ended(120)
    finally:
        move.end_worker()
    assert move.faults_found() == []
    sent = [call.form["client_id"] for call in dashboard.sandbox.posts("clients.updateClient")]
    assert set(sent) == move.wanted
    # A move under way when its worker died may be sent again, after it was found not to be applied.
    assert len(sent) <= len(move.wanted) + kills * 4
