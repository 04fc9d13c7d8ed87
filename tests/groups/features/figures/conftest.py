"""The clients of the tests of figures."""

import pytest

from tests.support.figures import GOLD, GUESTS


@pytest.fixture
def people(console):
    """Return ids of clients: three in the group of guests, two in gold, one of whom was removed since."""
    found = [console.put_client(group_id, bonus="12345") for group_id in (GUESTS,) * 3 + (GOLD,) * 2]
    console.edit_client(found[-1], delete="1")
    return found
