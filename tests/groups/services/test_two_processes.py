"""Test two server processes over one database: simultaneous requests, and shared knowledge."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support import environment
from tests.support.dashboard.killing import Dashboard
from tests.support.databases import migrated_database

pytestmark = pytest.mark.slow
AT_ONCE = 8
# A busy machine makes the sandbox slow, too.
PATIENT = {"POSTER_CONNECT_TIMEOUT": "3", "POSTER_READ_TIMEOUT": "8", "POSTER_READ_DEADLINE": "12"}


@pytest.fixture(
    scope="module",
    params=[
        "sqlite",
        pytest.param(
            "postgresql and redis", marks=[pytest.mark.needs("postgresql", "redis"), pytest.mark.thorough]
        ),
    ],
)
def installation(request, tmp_path_factory):
    """Return a dashboard for all tests of a database: starting two servers takes longer than most tests."""
    on_postgresql = request.param != "sqlite"
    database = migrated_database(environment.POSTGRES_URL) if on_postgresql else nullcontext("")
    with database as url, Sandbox(groups=60) as sandbox:
        # Eight requests wait for their turn: the read before a write has a fifth of this time.
        variables = {"POSTER_WRITE_DEADLINE": "15", "POSTER_SETTLE_SECONDS": "90"} | PATIENT
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
    """Return the dashboard with both servers, and a sandbox without recorded calls."""
    installation.start()
    installation.sandbox.log.clear()
    yield installation
    installation.sandbox.clear_faults()
    installation.sandbox.latency = 0.0


def send_all(dashboard, path, forms):
    """Send forms at the same moment, alternating between the two processes."""
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
        # A user with a late removal page finds no group any more.
        assert action == "remove" or {answer.status_code for answer in answers} == {302}
        assert len({answer.headers["Location"] for answer in answers if answer.status_code == 302}) == 1
        assert len(write.sent(dashboard.sandbox.posts())) == 1
        assert write.is_in_force(dashboard.sandbox.accounts["demo"].groups)
    assert len(dashboard.sandbox.posts()) == 3


def percent_on(page, group_id):
    """Return the percent of a group as the list shows it."""
    row = re.search(rf'<tr data-group="{group_id}".*?</tr>', page, flags=re.DOTALL)[0]
    return re.search(r">([\d.]+)[^%<]*%<", row)[1]


def test_a_write_in_one_process_is_seen_by_the_next_read_in_the_other(dashboard):
    write = dashboard.plan("update", "")
    pages = [dashboard.look("/groups/", server=server) for server in (0, 1, 0, 1)]
    assert write.percent not in {percent_on(page, write.group_id) for page in pages}
    path, form = dashboard.open_form(write)
    for percent in (write.percent, "33"):
        before = len(dashboard.sandbox.log)
        version = re.search(r'name="version" value="([^"]*)"', dashboard.look(path))[1]
        sent = form | {"percent": percent, "version": version, "operation": str(uuid.uuid4())}
        assert dashboard.send_form(path, sent, server=0).status_code == 302
        assert percent_on(dashboard.look("/groups/", server=1), write.group_id) == percent
        # One process knows the answer that the other one has requested.
        assert percent_on(dashboard.look("/groups/", server=0), write.group_id) == percent
        lists = [call for call in dashboard.sandbox.log[before:] if call.method == "clients.getGroups"]
        assert len(lists) == 1
