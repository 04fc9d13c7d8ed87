"""Fixtures of the tests of figures: a small account whose receipts a test writes, and a worker that looks."""

import pytest

from groups.features.elsewhere.services import switch_on
from groups.features.figures.models import yesterday
from tests.support.figures import GOLD, GUESTS, put_group


@pytest.fixture
def sandbox(sandbox, settings):
    """Return a Poster without clients but those of a test, which answers without a lag."""
    settings.POSTER_LAG_SECONDS = 0
    for group_id in (1, 4, 5):
        sandbox.console().remove(group_id)
    put_group(sandbox, GUESTS, "Гості")
    put_group(sandbox, GOLD, "Золото", percent="15")
    return sandbox


@pytest.fixture
def console(sandbox):
    return sandbox.console()


@pytest.fixture
def people(console):
    """Return ids of clients: three in the group of guests, two in gold, one of whom was removed since."""
    found = [console.put_client(group_id, bonus="12345") for group_id in (GUESTS,) * 3 + (GOLD,) * 2]
    console.edit_client(found[-1], delete="1")
    return found


@pytest.fixture
def watch(owner):
    switch_on(owner.credentials)


@pytest.fixture
def day():
    return yesterday()
