"""Fixtures of the tests of cards: a small account whose receipts a test writes, and whose watch is on."""

import pytest

from groups.features.elsewhere.services import switch_on
from groups.features.figures.models import yesterday
from tests.support.figures import GUESTS, put_group


@pytest.fixture
def sandbox(sandbox, settings):
    """Return a Poster without clients but those of a test, which answers without a lag."""
    settings.POSTER_LAG_SECONDS = 0
    for group_id in (1, 4, 5):
        sandbox.console().remove(group_id)
    put_group(sandbox, GUESTS, "Гості")
    return sandbox


@pytest.fixture
def console(sandbox):
    return sandbox.console()


@pytest.fixture
def card(console):
    """Return the id of a client whose card is on receipts."""
    return console.put_client(GUESTS, lastname="Видима", phone_number="380501234567")


@pytest.fixture
def watch(owner):
    switch_on(owner.credentials)


@pytest.fixture
def day():
    return yesterday()
