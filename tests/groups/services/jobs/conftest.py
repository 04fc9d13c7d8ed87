"""Fixtures of the job tests: groups with few clients, and the clients that the sandbox has in a group."""

import pytest

from tests.support.jobs import leave_few


@pytest.fixture
def sandbox(sandbox):
    """Return a Poster with few clients in group 4."""
    return leave_few(sandbox)


@pytest.fixture
def people(sandbox):
    """Return a function that lists the clients of a group of the sandbox, without deleted ones."""
    clients = sandbox.accounts["demo"].clients

    def people(group_id):
        return {int(row["client_id"]) for row in clients.rows(group_id) if row["delete"] == "0"}

    return people
