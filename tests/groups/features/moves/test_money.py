"""Test money with servers and workers: that of clients who are brought back, and the cost after a move."""

import contextlib
import html
import re
from decimal import Decimal

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import CSRF, Dashboard, Write, wait_until
from tests.support.dashboard.moving import ENDS, FROM, TO, Move

# In this process are tests/groups/features/snapshots/test_restores.py and insights/test_sums_after_moves.py.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

GROUP, NAME = 4, "Скидочная система 10%"
# Client 130 has the values of the example in Poster's documentation.
CLIENT, EXAMPLE = 130, {"bonus": "1000", "total_payed_sum": "417000"}


@pytest.fixture
def dashboard(tmp_path):
    with (
        Sandbox() as sandbox,
        contextlib.closing(Dashboard(tmp_path, sandbox)) as dashboard,
    ):
        dashboard.start()
        yield dashboard


def money_of(sandbox, group_id):
    """Return the money of each client of a group, by phone number, which outlives a removal."""
    rows = sandbox.accounts["demo"].clients.rows(group_id)
    return {
        row["phone_number"]: (row["bonus"], row["total_payed_sum"]) for row in rows if row["delete"] == "0"
    }


def hidden(page):
    return {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}


def test_a_restore_brings_back_the_bonus_and_what_was_paid_to_the_kopeck(dashboard):
    sandbox = dashboard.sandbox
    sandbox.console().edit_client(CLIENT, **EXAMPLE)
    phone = sandbox.accounts["demo"].clients.row(CLIENT)["phone_number"]
    before = money_of(sandbox, GROUP)
    path, form = dashboard.open_form(Write("remove", "", GROUP, NAME, ""))
    assert dashboard.send_form(path, form).status_code == 302
    assert GROUP not in sandbox.accounts["demo"].groups
    # The message after the removal leads there too.
    links = re.findall(
        r'href="(/history/snapshots/[-0-9a-f]+/restore/)"', dashboard.look("/history/snapshots/")
    )
    (path,) = set(links)
    asked = hidden(dashboard.look(path))
    form = {"csrfmiddlewaretoken": CSRF, "version": asked["version"], "operation": asked["operation"]}
    assert dashboard.send_form(path, form).status_code == 302
    worker = dashboard.start_worker()
    try:
        wait_until(lambda: dashboard.table("groups_job")[0]["state"] in {"done", "stopped"}, 0.1, 60)
    finally:
        worker.terminate()
        worker.wait()
    (job,) = dashboard.table("groups_job")
    assert (job["state"], job["reason"]) == ("done", "")
    assert money_of(sandbox, job["target_id"]) == before
    forms = [call.form for call in sandbox.posts("clients.createClient")]
    (sent,) = [form for form in forms if re.sub(r"\D", "", form["phone"]) == phone]
    assert (sent["bonus"], sent["total_payed_sum"]) == ("10.00", "417000")


def cost_of(dashboard, group_id):
    """Return the number of buyers and what they paid, as the page of the cost says it."""
    page = dashboard.look(f"/groups/{group_id}/cost/?percent=15")
    clients, revenue = re.search(r'data-clients="(\d+)"(?s:.*?)data-revenue="([\d.]+)"', page).groups()
    return int(clients), Decimal(revenue)


def test_after_a_move_by_a_worker_the_cost_is_that_of_those_who_are_there(dashboard):
    sandbox = dashboard.sandbox
    sandbox.console("demo").edit(FROM, count_groups_clients="20")
    (left, there) = (cost_of(dashboard, group_id) for group_id in (FROM, TO))
    assert left[0] > 0
    sandbox.latency = 0.01
    move = Move(dashboard, 20)
    asked = 0
    while move.job["state"] not in ENDS:
        cost_of(dashboard, TO)
        asked += 1
    move.end_worker()
    assert cost_of(dashboard, FROM) == (0, 0)
    assert cost_of(dashboard, TO) == (left[0] + there[0], left[1] + there[1])
    assert asked > 5
    # Before the job, until it runs, while it runs, and afterwards.
    assert len(sandbox.calls("dash.getClientsSales")) <= 4
