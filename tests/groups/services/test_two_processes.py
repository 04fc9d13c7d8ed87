"""Test two server processes over one database: simultaneous requests, and shared knowledge."""

import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support import environment
from tests.support.dashboard.killing import CSRF, HOLD, SECONDS, WRITE, Dashboard, wait_until
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
        # Seconds after which Poster executes a removal whose answer was lost.
        dashboard.late = 20.0 if on_postgresql else 8.0
        worker = dashboard.start_worker()
        try:
            yield dashboard
        finally:
            worker.terminate()
            worker.wait()
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


def cost_on(dashboard, path, server):
    """Return the cost that a page shows; a page that waited too long for it is looked at again."""
    found = []

    def is_there():
        found[:] = re.findall(r'data-cost="(-?[0-9.]+)"', dashboard.look(path, server=server))
        return bool(found)

    wait_until(is_there, 0.2, 60)
    return found[0]


def test_the_sales_of_the_day_are_read_once_for_both_processes(dashboard):
    if dashboard.table("groups_job"):
        # Tests before this one have moved clients: sums that may not show that yet are read a second time.
        time.sleep(float(SECONDS["POSTER_LAG_SECONDS"]))
    dashboard.sandbox.latency = 0.1
    # Groups with a bonus, for the other tests change and remove those with a discount.
    rows = dashboard.sandbox.accounts["demo"].groups.items()
    groups = [group_id for group_id, row in rows if row["loyalty_type"] == "1"][:2]
    paths = [f"/groups/{groups[number % 2]}/cost/?percent={10 + number}" for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        costs = [pool.submit(cost_on, dashboard, path, number % 2) for number, path in enumerate(paths)]
        found = {cost.result() for cost in costs}
    assert len(found) > AT_ONCE / 2
    assert len(dashboard.sandbox.calls("dash.getClientsSales")) == 1


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
    return re.search(r"<td>([\d.]+)[^%<]*%", row)[1]


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
        # One process knows the answer that the other one has requested.
        assert percent_on(dashboard.look("/groups/", server=0), write.group_id) == percent
        lists = [call for call in dashboard.sandbox.log[asked:] if call.method == "clients.getGroups"]
        assert len(lists) == 1


def test_many_who_look_at_once_are_one_call_of_each_process(dashboard):
    path, form = dashboard.open_form(dashboard.plan("update", ""))
    assert dashboard.send_form(path, form).status_code == 302  # the cached value is older
    dashboard.sandbox.log.clear()
    dashboard.sandbox.latency = 0.3
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks = [pool.submit(dashboard.get, "/groups/", server=number % 2) for number in range(AT_ONCE)]
        assert {look.result().status_code for look in looks} == {200}
    calls = [call.method for call in dashboard.sandbox.log]
    assert calls == ["clients.getGroups"] * len(calls)
    assert len(calls) <= 2


@pytest.mark.thorough
def test_what_one_left_when_it_was_killed_is_settled_by_the_worker_and_shown_by_the_other(dashboard):
    sandbox, write = dashboard.sandbox, dashboard.plan("update", "while Poster works")
    path, form = dashboard.open_form(write)
    sandbox.script(WRITE["update"], "timeout", when="after", seconds=HOLD)
    asking = threading.Thread(target=dashboard.send_form, args=(path, form))
    asking.start()
    wait_until(lambda: write.is_in_force(sandbox.accounts["demo"].groups), 0.001, 60)
    dashboard.kill(0)
    asking.join()
    sandbox.clear_faults()
    row = rf'data-change="{write.operation}" data-group="{write.group_id}" data-state="(\w+)"'
    first = re.search(row, dashboard.look("/history/", server=1))[1]
    assert first == "pending"
    wait_until(lambda: re.search(row, dashboard.look("/history/", server=1))[1] == "applied", 0.2, 60)
    assert len(write.sent(sandbox.posts())) == 1


# --- Moves during a removal ---------------------------------------------------------------------------------


def move_form(dashboard, source, target):
    """Open the form that moves all clients of a group, and return its path and fields."""
    path = f"/groups/{source}/clients/move/"
    return path, filled(dashboard.look(path), target)


def filled(page, target):
    """Return the fields of an opened form that moves all clients of a group."""
    read = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("operation", "version")}
    return {"csrfmiddlewaretoken": CSRF, "clients": "all", "target": str(target), **read}


def people(dashboard, group_id):
    clients = dashboard.sandbox.accounts["demo"].clients
    return {row["client_id"] for row in clients.rows(group_id) if row["delete"] == "0"}


def wait_for_job(dashboard, path):
    wait_until(lambda: 'data-state="done"' in dashboard.look(path), 0.2, 60)


def test_nobody_is_lost_in_a_group_whose_removal_is_carried_out_late(dashboard):
    sandbox, write = dashboard.sandbox, dashboard.plan("remove", "")
    source, elsewhere = (dashboard.plan("remove", "").group_id for _ in range(2))
    for group_id in (source, elsewhere):
        sandbox.console("demo").edit(group_id, count_groups_clients="12")
    here = people(dashboard, source)
    path, form = dashboard.open_form(write)
    sandbox.script(WRITE["remove"], "late", seconds=dashboard.late)
    assert dashboard.send_form(path, form, server=0).status_code == 504
    answer = dashboard.send_form(*move_form(dashboard, source, write.group_id), server=1)
    assert answer.status_code == 409
    assert f"/history/{write.operation}/" in answer.text
    wait_until(lambda: write.is_in_force(sandbox.accounts["demo"].groups), 0.1, 60)
    row = rf'data-change="{write.operation}" data-group="{write.group_id}" data-state="(\w+)"'
    wait_until(lambda: re.search(row, dashboard.look("/history/"))[1] == "applied", 0.2, 60)
    assert people(dashboard, source) == here
    # The lock of the removal is released now: clients can be moved to a group where they are not lost.
    answer = dashboard.send_form(*move_form(dashboard, source, elsewhere), server=1)
    wait_for_job(dashboard, answer.headers["Location"])
    assert people(dashboard, elsewhere) >= here


def test_a_group_under_a_job_is_not_removed_before_the_job_has_ended(dashboard):
    sandbox, write = dashboard.sandbox, dashboard.plan("remove", "")
    source = dashboard.plan("remove", "").group_id
    sandbox.console("demo").edit(source, count_groups_clients="12")
    here = people(dashboard, source)
    path, form = dashboard.open_form(write)
    sandbox.script("clients.updateClient", "late", seconds=2.0)  # the first one: the others wait for it
    job = dashboard.send_form(*move_form(dashboard, source, write.group_id), server=0).headers["Location"]
    answer = dashboard.send_form(path, form, server=1)
    assert answer.status_code == 409
    assert job in answer.text
    wait_for_job(dashboard, job)
    assert not sandbox.posts(WRITE["remove"])
    assert people(dashboard, write.group_id) >= here


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.thorough)])
def test_of_jobs_that_cross_in_two_processes_one_is_started(dashboard, times):
    one, two, three = (dashboard.plan("remove", "").group_id for _ in range(3))
    for group_id in (one, two, three):
        dashboard.sandbox.console("demo").edit(group_id, count_groups_clients="3")
    dashboard.sandbox.latency = 0.05
    dashboard.sandbox.script("clients.getClients", "timeout", times=None, seconds=1.0)  # no client is moved
    for _ in range(times):
        forms = [move_form(dashboard, *pair) for pair in ((one, two), (two, three), (three, one)) * 2]
        with ThreadPoolExecutor(len(forms)) as pool:
            sent = [
                pool.submit(dashboard.send_form, path, form, server=number % 2)
                for number, (path, form) in enumerate(forms)
            ]
            answers = [each.result() for each in sent]
        assert sorted(answer.status_code for answer in answers) == [302, 409, 409, 409, 409, 409]
        job = next(each.headers["Location"] for each in answers if each.status_code == 302)
        assert all(job in answer.text for answer in answers if answer.status_code == 409)
        dashboard.send_form(job, {"csrfmiddlewaretoken": CSRF, "decision": "cancel"})
        wait_until(lambda job=job: 'data-state="cancelled"' in dashboard.look(job), 0.1, 60)
