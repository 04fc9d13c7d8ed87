"""The client of the tests of cards."""

import pytest

from tests.support.figures import GUESTS


@pytest.fixture
def card(console):
    """Return the id of a client whose card is on receipts."""
    return console.put_client(GUESTS, lastname="Видима", phone_number="380501234567")
