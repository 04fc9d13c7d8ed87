"""Test removing a group through the pages, and a restore that brings back its clients with their money."""

import contextlib
import html
import re

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.tools.dashboard.killing import CSRF, Dashboard, Write, wait_until

pytestmark = pytest.mark.slow


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
