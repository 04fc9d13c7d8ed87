"""Test a worker that is killed again and again: no client is lost or moved twice."""

import contextlib
import uuid
from collections import Counter

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import CSRF, Dashboard, wait_until
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


@pytest.mark.parametrize(
    ("kills", "sources"),
    [
        pytest.param(1, (4, 5), id="1-chosen of two"),
        pytest.param(2, (4,), id="2-one group", marks=pytest.mark.thorough),
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


@pytest.mark.thorough  # as where a move survives them, and where an undo is killed in this process
def test_an_undo_survives_its_workers(dashboard):
    """Undo a move out of two groups as the page does it, and kill its worker on the way, twice."""
    clients = dashboard.sandbox.accounts["demo"].clients
    dashboard.sandbox.console("demo").edit(4, count_groups_clients=str(CLIENTS))
    before = {group_id: set(living(clients, group_id)) for group_id in (1, 4, 5)}
    move = Move(dashboard, CLIENTS, (4, 5))
    move.wait_until_ended(120)
    move.end_worker()
    dashboard.start()
    url = f"/jobs/{uuid.UUID(str(move.job['id']))}/undo/"
    answers = [dashboard.send_form(url, {"csrfmiddlewaretoken": CSRF}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    worker = dashboard.start_worker()
    for number in (1, 2):
        back = CLIENTS * number // 3
        wait_until(lambda back=back: clients.live(4) + clients.live(5) >= back, 0.02, 120)
        dashboard.kill_workers()
        worker = dashboard.start_worker()
    try:
        wait_until(lambda: undo_in(dashboard)["state"] not in {"waiting", "running"}, 0.2, 120)
    finally:
        worker.terminate()
        worker.wait()
    undo = undo_in(dashboard)
    assert (undo["state"], undo["reason"]) == ("done", "")
    assert {group_id: set(living(clients, group_id)) for group_id in before} == before
    rows = [row for row in dashboard.table("groups_change") if row["job_id"] == undo["id"]]
    applied = Counter(str(row["client_id"]) for row in rows if row["state"] == "applied")
    assert applied == Counter(move.wanted)


def undo_in(dashboard):
    (job,) = (row for row in dashboard.table("groups_job") if row["kind"] == "undo")
    return job


def living(clients, group_id):
    return (row["client_id"] for row in clients.rows(group_id) if row["delete"] == "0")
