"""Test that jobs of several accounts share one worker: none waits for another account's outage."""

import contextlib
import sqlite3
import uuid

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import CSRF, Dashboard, wait_until

# tests/groups/services/jobs/test_queue.py has the turns, test_moves.py the waiting, in this process.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]
FROM, TO, FEW = 4, 1, 4
MOVE, OWNER, NEIGHBOUR = "clients.updateClient", "demo", "kopecks"


class Neighbours:
    """A dashboard of two accounts, and a job of each that moves all clients of a group."""

    def __init__(self, dashboard):
        self.dashboard = dashboard
        self.sandbox = dashboard.sandbox
        token = self.sandbox.accounts[NEIGHBOUR].token
        dashboard.run("-m", "tests.support.dashboard.owner", "neighbour", NEIGHBOUR, stdin=token)
        dashboard.start()

    def begin(self):
        """Put few clients into each group, and leave nothing in the queue of what a killed worker was at."""
        for account in (OWNER, NEIGHBOUR):
            self.sandbox.console(account).edit(FROM, count_groups_clients=str(FEW))
        self.sandbox.log.clear()
        with contextlib.closing(sqlite3.connect(self.dashboard.database, timeout=20)) as database, database:
            database.execute("DELETE FROM django_tasks_database_dbtaskresult")

    def end(self):
        """Leave neither a worker nor a fault to the next test."""
        self.dashboard.kill_workers()
        self.sandbox.clear_faults()
        self.sandbox.latency = 0.0

    def start(self, *accounts):
        """Start a job of each account."""
        names = [{OWNER: "owner", NEIGHBOUR: "neighbour"}[account] for account in accounts]
        self.dashboard.run("-m", "tests.support.dashboard.mover", str(FROM), str(TO), *names)

    def job(self, account):
        """Return the newest job of an account."""
        rows = [row for row in self.dashboard.table("groups_job") if row["account_id"] == account]
        return max(rows, key=lambda row: row["created_at"])

    def wait_for(self, account, *states):
        """Return the job of an account as soon as it is in one of these states."""
        wait_until(lambda: self.job(account)["state"] in states, 0.1, 60)
        return self.job(account)

    def wait_until_it_waits(self, account):
        """Return the job of an account as soon as it has given its worker back until a later time."""
        wait_until(lambda: self.job(account)["next_try_at"] and not self.job(account)["holder"], 0.05, 90)
        return self.job(account)

    def queue(self):
        """Return the rows that a worker still has to take, now or later."""
        rows = self.dashboard.table("django_tasks_database_dbtaskresult")
        return [row for row in rows if row["status"] in ("READY", "RUNNING")]

    def decide(self, decision):
        """Press a button on the page of the owner's job."""
        form = {"csrfmiddlewaretoken": CSRF, "decision": decision}
        assert self.dashboard.send_form(self.page, form).status_code == 302

    @property
    def page(self):
        """The address of the owner's job."""
        return f"/jobs/{uuid.UUID(self.job(OWNER)['id'])}/"

    def moved_once(self, account):
        """Return True if each client of the group has arrived, and none was moved twice."""
        posts = self.sandbox.posts(MOVE)
        moved = [call.form["client_id"] for call in posts if call.account == account and call.applied]
        return self.sandbox.accounts[account].clients.live(FROM) == 0 and len(moved) == len(set(moved)) == FEW


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    """Return the neighbours of all tests: their server and their people take longer than most of these."""
    directory = tmp_path_factory.mktemp("neighbours")
    with (
        Sandbox() as sandbox,
        contextlib.closing(Dashboard(directory, sandbox, JOB_LEASE_SECONDS="1.5")) as dashboard,
    ):
        yield Neighbours(dashboard)


@pytest.fixture
def both(neighbours):
    """Return the neighbours without a worker; each test starts one, which may be killed."""
    neighbours.begin()
    yield neighbours
    neighbours.end()


def test_a_job_does_not_wait_for_the_outage_of_another_account(both):
    both.start(OWNER, NEIGHBOUR)
    # An answer that never comes lasts until the deadline of each call.
    both.sandbox.script("*", "timeout", times=None, account=OWNER)
    both.dashboard.start_worker()
    assert both.wait_for(NEIGHBOUR, "done", "stopped")["state"] == "done"
    waits = both.wait_until_it_waits(OWNER)
    assert (waits["state"], waits["reason"]) == ("waiting", "unreachable")
    wait_until(lambda: "Poster does not answer" in both.dashboard.look(both.page), 0.5, 60)
    wait_until(lambda: "waiting for its next try" in both.dashboard.look("/jobs/"), 0.5, 60)
    both.sandbox.clear_faults()
    assert both.wait_for(OWNER, "done", "stopped")["state"] == "done"
    assert both.moved_once(OWNER)
    assert both.moved_once(NEIGHBOUR)


def test_a_worker_that_is_killed_while_a_job_waits_loses_and_doubles_nothing(both):
    both.start(OWNER)
    both.dashboard.start_worker()
    wait_until(lambda: both.sandbox.posts(MOVE), 0.005, 60)
    both.sandbox.script("*", "status_503", times=None, account=OWNER)
    both.wait_until_it_waits(OWNER)
    both.dashboard.kill_workers()
    both.sandbox.clear_faults()
    both.start(NEIGHBOUR)
    both.dashboard.start_worker()
    for account in (OWNER, NEIGHBOUR):
        assert both.wait_for(account, "done", "stopped")["state"] == "done"
        assert both.moved_once(account)


def test_a_job_that_waits_is_paused_continued_and_cancelled(both):
    both.start(OWNER)
    both.sandbox.script("*", "status_503", times=None, account=OWNER)
    both.dashboard.start_worker()
    both.wait_until_it_waits(OWNER)
    both.decide("pause")
    both.start(NEIGHBOUR)
    assert both.wait_for(NEIGHBOUR, "done")["state"] == "done"
    assert both.job(OWNER)["state"] == "paused"
    both.decide("resume")
    again = both.wait_until_it_waits(OWNER)
    assert (again["state"], again["waits"]) == ("waiting", 1)
    both.decide("cancel")
    both.sandbox.clear_faults()
    wait_until(lambda: not both.queue(), 0.2, 60)
    assert both.job(OWNER)["state"] == "cancelled"
    assert [call.account for call in both.sandbox.posts(MOVE)] == [NEIGHBOUR] * FEW
