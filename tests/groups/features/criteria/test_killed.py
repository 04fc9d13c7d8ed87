"""Test runs of workers that are processes of their own, and are killed amid a write: by hand and at night."""

import contextlib
import re
import sqlite3
from collections import Counter

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.criteria import BRONZE, GOLD, fields, put_groups
from tests.support.dashboard.killing import CSRF, Dashboard, wait_until
from tests.support.pairwise import examples

pytestmark = pytest.mark.slow
MOVE = "clients.updateClient"


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox() as sandbox:
        seconds = {"CRITERIA_SECONDS": "2", "POSTER_CONFIRM_SECONDS": "0.1", "POSTER_LAG_SECONDS": "0"}
        # One call at a time: a second write may be on its way as the worker dies, and is never repeated.
        seconds |= {"JOB_LEASE_SECONDS": "2", "POSTER_MAX_CONCURRENCY": "1"}
        dashboard = Dashboard(tmp_path, put_groups(sandbox), **seconds)
        dashboard.start()
        yield dashboard
        dashboard.close()


def send(dashboard, path, form):
    return dashboard.send_form(path, form | {"csrfmiddlewaretoken": CSRF})


def jobs(dashboard):
    return [row["state"] for row in dashboard.table("groups_job")]


def written(dashboard):
    return Counter(int(call.form["client_id"]) for call in dashboard.sandbox.posts(MOVE))


def test_a_killed_run_and_a_killed_night_write_to_each_client_once(dashboard):
    kills = ((3, "a person"), (1, "a worker at night"))[: examples(1, 2)]
    console = dashboard.sandbox.console()
    clients = [console.put_client(GOLD, lastname="Видима") for _ in range(4)]
    row = {"group": GOLD, "birthday_in": 0}
    assert send(dashboard, "/criteria/", fields(row, otherwise=BRONZE, nightly="on")).status_code == 302
    page = send(dashboard, "/criteria/preview/", {}).text
    form = dict(re.findall(r'name="(operation|seen)" value="([^"]+)"', page))
    assert send(dashboard, "/criteria/run/", form).status_code == 302
    for number, by_whom in kills:
        # Poster makes the move, and the worker dies before the answer.
        dashboard.sandbox.script(MOVE, "answer_lost", call=number, seconds=60.0)
        known = len(dashboard.sandbox.log)
        dashboard.start_worker()
        wait_until(lambda: any(call.fault for call in dashboard.sandbox.log[known:]), 0.02, 60)  # noqa: B023
        dashboard.kill_workers()
        dashboard.sandbox.clear_faults()
        with contextlib.closing(sqlite3.connect(dashboard.database, timeout=20)) as database, database:
            database.execute("UPDATE criteria_criteria SET held_until = '2020-01-01 00:00:00'")
        for _ in range(2):
            dashboard.start_worker()
        wait_until(lambda: set(jobs(dashboard)) == {"done"}, 0.1, 90)
        assert written(dashboard) == dict.fromkeys(clients, 1), by_whom
        dashboard.kill_workers()
        clients.append(console.put_client(GOLD, lastname="Видима"))
    assert len(jobs(dashboard)) == len(kills)
