"""Fixtures of the job tests: groups with few clients."""

import pytest

from tests.support.jobs import leave_few


@pytest.fixture
def sandbox(sandbox):
    """Return a Poster with few clients in group 4."""
    return leave_few(sandbox)
