"""Test server processes with a lagging Poster: messages are true, and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, faults_found, wait_until

pytestmark = pytest.mark.slow
PATIENT = {
    "POSTER_CONFIRM_SECONDS": "1",
    "POSTER_SETTLE_SECONDS": "15",
    "POSTER_LAG_SECONDS": "15",
    "POSTER_WRITE_DEADLINE": "6",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Return a dashboard for all tests: starting a server takes longer than most tests."""
    with Sandbox(groups=60) as sandbox:
        dashboard = Dashboard(tmp_path_factory.mktemp("installation"), sandbox, servers=2, **PATIENT)
        dashboard.start_worker()
        try:
            yield dashboard
        finally:
            dashboard.close()


@pytest.fixture
def dashboard(installation):
    installation.start()
    installation.sandbox.log.clear()
    yield installation
    installation.sandbox.clear_faults()
    installation.sandbox.catch_up()


def send(dashboard, write, *, server=0, **fields):
    path, form = dashboard.open_form(write)
    return dashboard.send_form(path, form | fields, server=server)


def assert_settled(dashboard, write, state):
    """Wait until the worker has settled a change on its own, and compare its outcome with the sandbox."""
    wait_until(lambda: dashboard.rows()[write.operation]["state"] == state, 0.2, 40)
    row = dashboard.rows()[write.operation]
    assert faults_found(write, row, dashboard.sandbox) == []
    return row


def percent_of(dashboard, group_id):
    return dashboard.sandbox.accounts["demo"].groups[group_id]["client_groups_discount"]


@pytest.mark.parametrize("method", ["clients.getGroup", pytest.param("*", marks=pytest.mark.thorough)])
def test_a_change_is_not_written_over_while_poster_does_not_show_it(dashboard, method):
    """Anna saves, reads still show the old value, and Boris renames the group through another server."""
    write = dashboard.plan("update", "")
    before = percent_of(dashboard, write.group_id)
    boris = dashboard.plan("update", "")
    boris.group_id, boris.name, boris.percent = write.group_id, "Нова назва", before
    path, opened_before = dashboard.open_form(boris)
    assert send(dashboard, write).status_code == 302
    dashboard.sandbox.lag("behind", method, seconds=60)
    answer = dashboard.send_form(path, opened_before, server=1)
    assert answer.status_code == 409
    page = dashboard.look(path, server=1)
    assert 'data-notice="stale"' in page
    assert f'value="{write.percent}"' in page
    boris.operation, boris.percent = dashboard.plan("update", "").operation, write.percent
    path, opened_meanwhile = dashboard.open_form(boris)
    assert dashboard.send_form(path, opened_meanwhile, server=1).status_code == 409
    dashboard.sandbox.catch_up()
    boris.operation = dashboard.plan("update", "").operation
    assert send(dashboard, boris, server=1).status_code == 302
    assert percent_of(dashboard, write.group_id) == write.percent
    assert len([call for call in dashboard.sandbox.posts() if "updateGroup" in call.method]) == 2


def test_a_lost_removal_and_one_false_is_not_applied(dashboard):
    write = dashboard.plan("remove", "")
    sandbox = dashboard.sandbox
    sandbox.script("clients.removeGroup", "lost_before", seconds=2)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, dashboard, write)
        wait_until(lambda: write.sent(sandbox.log))
        sandbox.script("clients.getGroup", "response_false")
    assert answer.result().status_code == 504
    assert not sandbox.calls("clients.getGroup")[-1].fault
    row = assert_settled(dashboard, write, "failed")
    assert row["reason"] == "not_applied"


def test_reads_that_jump_back_and_forth_end_in_the_truth(dashboard):
    writes = [dashboard.plan("update", "") for _ in range(3)]
    for write in writes:
        dashboard.sandbox.lag("behind", chance=0.5, seconds=4, seed=write.group_id)
        assert send(dashboard, write).status_code in {302, 504}
    for write in writes:
        assert_settled(dashboard, write, "applied")


def test_the_value_before_the_one_before_is_not_taken_for_somebody_s(dashboard):
    """5 → 6 → 7, and all reads show 5: the outcome of the second change is applied, not differs."""
    first = dashboard.plan("update", "")
    second = dashboard.plan("update", "")
    second.group_id, second.name = first.group_id, first.name
    second.percent = str(float(first.percent) + 1).removesuffix(".0")
    assert send(dashboard, first).status_code == 302
    path, form = dashboard.open_form(second)
    dashboard.sandbox.script("clients.getGroup", "behind", call=2, times=None, writes=2)
    dashboard.send_form(path, form)
    assert dashboard.rows()[second.operation]["state"] == "unknown"
    dashboard.sandbox.clear_faults()
    wait_until(lambda: dashboard.rows()[second.operation]["state"] == "applied", 0.2, 40)
    assert percent_of(dashboard, second.group_id) == second.percent


def test_a_created_group_is_waited_for_and_its_twin_is_not_taken(dashboard):
    write = dashboard.plan("create", "")
    path, form = dashboard.open_form(write)
    sandbox = dashboard.sandbox
    made = max(sandbox.accounts["demo"].groups) + 1
    for method in ("clients.getGroups", "clients.getGroup"):
        sandbox.lag("newest_unseen", method, seconds=4, ids=[made])
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(dashboard.send_form, path, form)
        wait_until(lambda: write.sent(sandbox.posts()))
        twin = dict(sandbox.accounts["demo"].groups[made])
        del twin["client_groups_id"]
        sandbox.console().put(twin)
    assert answer.result().status_code == 504
    assert_settled(dashboard, write, "applied")
    assert dashboard.rows()[write.operation]["group_id"] == made
