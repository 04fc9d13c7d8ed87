"""Test server processes with a lagging Poster: messages are true, and nothing is lost."""

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
