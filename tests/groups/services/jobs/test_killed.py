"""The worker is killed on the way, again and again: nobody is lost, and nobody is moved twice."""

import contextlib

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.tools.killing import Dashboard
from tests.tools.moving import Move

CLIENTS, KILLS = 120, 3


@pytest.fixture
def dashboard(tmp_path):
    with (
        Sandbox(latency=0.02) as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox, JOB_LEASE_SECONDS="1.5")) as dashboard,
    ):
        yield dashboard


def test_a_move_survives_its_workers(dashboard):
    dashboard.start()  # its follower finds the job that nobody is at
    move = Move(dashboard, CLIENTS)
    try:
        for number in range(1, KILLS + 1):
            move.wait_for(CLIENTS * number // (KILLS + 1))
            move.kill_worker()
        move.wait_until_ended(120)
    finally:
        move.end_worker()
    assert move.faults_found() == []
    sent = [call.form["client_id"] for call in dashboard.sandbox.posts("clients.updateClient")]
    assert set(sent) == move.wanted
    # One that was on its way when its worker died may be sent once more, after it was found not to be there.
    assert len(sent) <= CLIENTS + KILLS * 4
