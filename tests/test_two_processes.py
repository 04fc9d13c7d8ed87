"""Two server processes over one database: what is sent to both at once, and what one knows of the other's."""

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from groups.poster.sandbox import Sandbox
from tests import environment
from tests.services import empty_database
from tests.tools.killing import HOLD, WRITE, Dashboard, wait_until

AT_ONCE = 8


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql and redis", marks=pytest.mark.services)]
)
def installation(request, tmp_path_factory):
    """Return a dashboard for all tests of a database: to start two servers takes longer than most of them."""
    on_postgresql = request.param != "sqlite"
    database = empty_database(environment.POSTGRES_URL) if on_postgresql else nullcontext("")
    with database as url, Sandbox(groups=30) as sandbox:
        # Eight at once wait for their turn: the read before a write has a fifth of this.
        variables = {"POSTER_WRITE_DEADLINE": "15"}
        if on_postgresql:
            variables["CACHE_URL"] = environment.REDIS_URL
        directory = tmp_path_factory.mktemp("installation")
        dashboard = Dashboard(directory, sandbox, database_url=url, servers=2, **variables)
        try:
            yield dashboard
        finally:
            dashboard.close()


@pytest.fixture
def dashboard(installation):
    """Return the dashboard with both of its servers, and a sandbox that was asked nothing yet."""
    installation.start()
    installation.sandbox.log.clear()
    yield installation
    installation.sandbox.clear_faults()
    installation.sandbox.latency = 0.0


def send_all(dashboard, path, forms):
    """Send forms at the same moment, to the one and the other process in turns."""
    dashboard.sandbox.latency = 0.1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [
            pool.submit(dashboard.send_form, path, form, server=number % 2)
            for number, form in enumerate(forms)
        ]
        return [answer.result() for answer in answers]


def test_one_form_sent_at_once_is_one_post_and_one_outcome(dashboard):
    for action in ("create", "update", "remove"):
        write = dashboard.plan(action, "")
        path, form = dashboard.open_form(write)
        answers = send_all(dashboard, path, [form] * AT_ONCE)
        assert {answer.status_code for answer in answers} <= {302, 404}
        # Whose page of a removal is late finds no group any more.
        assert action == "remove" or {answer.status_code for answer in answers} == {302}
        assert len({answer.headers["Location"] for answer in answers if answer.status_code == 302}) == 1
        assert len(write.sent(dashboard.sandbox.posts())) == 1
        assert write.is_in_force(dashboard.sandbox.accounts["demo"].groups)
    assert len(dashboard.sandbox.posts()) == 3


def test_many_forms_for_one_group_sent_at_once_are_one_post(dashboard):
    write = dashboard.plan("update", "")
    path, form = dashboard.open_form(write)
    forms = [form | {"operation": str(uuid.uuid4())} for _ in range(AT_ONCE)]
    statuses = sorted(answer.status_code for answer in send_all(dashboard, path, forms))
    assert statuses == [302] + [409] * (AT_ONCE - 1)
    assert len(dashboard.sandbox.posts()) == 1


def percent_on(page, group_id):
    """Return the percent of a group as the list shows it."""
    row = re.search(rf'<tr data-group="{group_id}".*?</tr>', page, flags=re.DOTALL)[0]
    return re.search(r'data-label="Percent">([^%]*)%', row)[1]


def test_a_write_in_one_process_is_seen_by_the_next_read_in_the_other(dashboard):
    write = dashboard.plan("update", "")
    pages = [dashboard.look("/groups/", server=server) for server in (0, 1, 0, 1)]
    assert write.percent not in {percent_on(page, write.group_id) for page in pages}
    path, form = dashboard.open_form(write)
    for percent in (write.percent, "33"):
        asked = len(dashboard.sandbox.log)
        version = re.search(r'name="version" value="([^"]*)"', dashboard.look(path))[1]
        sent = form | {"percent": percent, "version": version, "operation": str(uuid.uuid4())}
        assert dashboard.send_form(path, sent, server=0).status_code == 302
        assert percent_on(dashboard.look("/groups/", server=1), write.group_id) == percent
        # And what one of them has asked for, the other one knows.
        assert percent_on(dashboard.look("/groups/", server=0), write.group_id) == percent
        lists = [call for call in dashboard.sandbox.log[asked:] if call.method == "clients.getGroups"]
        assert len(lists) == 1


def test_what_one_left_when_it_was_killed_is_settled_by_the_other(dashboard):
    sandbox, write = dashboard.sandbox, dashboard.plan("update", "while Poster works")
    path, form = dashboard.open_form(write)
    sandbox.script(WRITE["update"], "timeout", when="after", seconds=HOLD)
    asking = threading.Thread(target=dashboard.send_form, args=(path, form))
    asking.start()
    wait_until(lambda: write.is_in_force(sandbox.accounts["demo"].groups))
    dashboard.kill(0)
    asking.join()
    sandbox.clear_faults()
    row = rf'data-change="{write.operation}" data-group="{write.group_id}" data-state="(\w+)"'
    first = re.search(row, dashboard.look("/history/", server=1))[1]
    assert first == "pending"
    wait_until(lambda: re.search(row, dashboard.look("/history/", server=1))[1] == "applied", 0.2, 60)
    assert len(write.sent(sandbox.posts())) == 1
