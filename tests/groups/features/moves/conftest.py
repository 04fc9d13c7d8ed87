"""Fixtures of the job tests: groups with few clients."""

import pytest

from tests.support.jobs import leave_few


@pytest.fixture
def sandbox(sandbox, settings):
    """Return a Poster with few clients in group 4; after a lost write its jobs look three times at once."""
    settings.POSTER_READ_PAUSES = (0.0, 0.05, 0.05)
    return leave_few(sandbox)
