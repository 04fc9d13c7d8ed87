"""Fixtures of the app: lost writes that are settled at once, and kinds of jobs without a feature."""

import threading

import pytest

from groups.models import Job
from groups.services.jobs.kinds import register
from tests.support.dashboard.killing import wait_until
from tests.support.greetings import plug_in_greeting
from tests.support.jobs import leave_few
from tests.support.transfers import Transfer


@pytest.fixture(autouse=True)
def _no_call_outlives_its_test():
    """Wait for calls that a page has not waited for: they hold slots of the account for the next test."""
    yield
    wait_until(lambda: not any(each.name.startswith("beside") for each in threading.enumerate()), 0.02, 30)


@pytest.fixture
def settled_at_once(settings):
    """Ask Poster each time, look at a lost write without a pause, and believe the first look."""
    settings.POSTER_CACHE_SECONDS = settings.POSTER_SETTLE_SECONDS = 0
    settings.POSTER_RECHECK_PAUSES = (0.0,) * 4


@pytest.fixture
def without_lag(settings):
    """Believe that Poster shows each write at once: otherwise a removal waits for the moves before it."""
    settings.POSTER_LAG_SECONDS = 0


@pytest.fixture
def production(settings):
    """Wait for Poster, and look again, about as in production: a simulation lets no real time pass."""
    settings.POSTER_READ_PAUSES = (0.0, 1.0, 3.0)
    settings.POSTER_CONNECT_TIMEOUT, settings.POSTER_READ_TIMEOUT = 3, 8
    settings.POSTER_READ_DEADLINE, settings.POSTER_WRITE_DEADLINE = 12, 30
    settings.POSTER_SETTLE_SECONDS, settings.POSTER_CONFIRM_SECONDS = 1800, 3
    settings.POSTER_LAG_SECONDS, settings.POSTER_WATCH_SECONDS = 90, 60


@pytest.fixture
def few_clients(sandbox):
    leave_few(sandbox)


@pytest.fixture
def people(sandbox):
    """Return a function that lists the clients of a group of the sandbox, without deleted ones."""
    clients = sandbox.accounts["demo"].clients

    def people(group_id):
        return {int(row["client_id"]) for row in clients.rows(group_id) if row["delete"] == "0"}

    return people


@pytest.fixture
def transfers(monkeypatch):
    """Register a kind of job that belongs to no feature."""
    monkeypatch.setattr(Job, "registered", dict(Job.registered))
    register(Transfer)


@pytest.fixture
def greeting(monkeypatch):
    return plug_in_greeting(monkeypatch)
