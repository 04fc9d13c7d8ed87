"""Fixtures of the job tests: no pauses, and the clients of a group read directly from the sandbox."""

from datetime import timedelta

import pytest

from groups.services.jobs import executor
from groups.services.writes import reconcile as reconciler


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch, settings):
    monkeypatch.setattr(executor, "RETRY_DELAYS", (0.01,))
    monkeypatch.setattr(reconciler, "RETRY_DELAYS", (timedelta(0),) * 4)
    settings.POSTER_CACHE_SECONDS = settings.POSTER_SETTLE_SECONDS = 0


@pytest.fixture
def people(sandbox):
    """Return a function that lists the clients of a group of the sandbox, without deleted ones."""
    clients = sandbox.accounts["demo"].clients

    def people(group_id):
        return {int(row["client_id"]) for row in clients.rows(group_id) if row["delete"] == "0"}

    return people
