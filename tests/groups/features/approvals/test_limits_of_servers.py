"""Test with a server and workers of their own that a limit binds a job: over kills, joins and a reason."""

import contextlib
import re
import uuid

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import CSRF, Dashboard, wait_until

# test_jobs.py beside this has a kill, clients who join, and a reason, in this process.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]
FROM, TO, FEW = 4, 1, 4
MOVE = "clients.updateClient"


@pytest.fixture
def dashboard(tmp_path):
    with (
        Sandbox() as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox, JOB_LEASE_SECONDS="1.5")) as dashboard,
    ):
        sandbox.console().edit(FROM, count_groups_clients=str(FEW))
        yield dashboard


def the_job(dashboard):
    (job,) = dashboard.table("groups_job")
    return job


def test_a_move_reaches_as_many_as_were_allowed_over_kills_and_joins_and_no_more(dashboard):
    sandbox = dashboard.sandbox
    dashboard.start()
    limits = {"max_percent": "", "max_rise": "", "max_birthday_bonus": "", "max_clients": str(FEW)}
    limits["csrfmiddlewaretoken"] = CSRF
    assert dashboard.send_form("/account/limits/", limits).status_code == 302
    dashboard.run("-m", "tests.support.dashboard.mover", str(FROM), str(TO), "owner")
    for _ in range(2):
        sandbox.console().put_client(FROM)
    dashboard.start_worker()
    wait_until(lambda: len(sandbox.posts(MOVE)) >= 2, 0.005, 60)
    dashboard.kill_workers()
    dashboard.start_worker()
    wait_until(lambda: the_job(dashboard)["state"] == "stopped", 0.2, 90)
    assert the_job(dashboard)["reason"] == "beyond_limits"
    assert len(moved(sandbox)) == FEW
    page, resume = (
        f"/jobs/{uuid.UUID(the_job(dashboard)['id'])}/",
        {"csrfmiddlewaretoken": CSRF, "decision": "resume"},
    )
    question = dashboard.send_form(page, resume)
    assert (question.status_code, shown(question)) == (200, FEW + 2)
    sandbox.console().put_client(FROM)
    grown = dashboard.send_form(page, resume | {"reason": "Свято", "reached": str(shown(question))})
    assert (grown.status_code, shown(grown)) == (409, FEW + 3)
    again = dashboard.send_form(page, resume | {"reason": "Свято", "reached": str(shown(grown))})
    assert again.status_code == 302
    wait_until(lambda: the_job(dashboard)["state"] == "done", 0.2, 60)
    assert len(moved(sandbox)) == len(set(moved(sandbox))) == FEW + 3
    assert sandbox.accounts["demo"].clients.live(FROM) == 0


def moved(sandbox):
    return [call.form["client_id"] for call in sandbox.posts(MOVE) if call.applied]


def shown(answer):
    """Return the number of clients that a form has shown."""
    return int(re.search(r'name="reached" value="(\d+)"', answer.text)[1])
