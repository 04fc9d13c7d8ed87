"""Fixtures of the tests of figures and cards: a small account whose receipts a test writes, and a watch."""

import pytest

from groups.features.elsewhere.services import switch_on
from groups.features.figures.models import yesterday
from tests.support.figures import GOLD, GUESTS, put_group


@pytest.fixture
def small_account(sandbox, settings):
    """Return a Poster without clients but those of a test, which answers without a lag."""
    settings.POSTER_LAG_SECONDS = 0
    for group_id in (1, 4, 5):
        sandbox.console().remove(group_id)
    put_group(sandbox, GUESTS, "Гості")
    put_group(sandbox, GOLD, "Золото", percent="15")
    return sandbox


@pytest.fixture
def console(small_account):
    return small_account.console()


@pytest.fixture
def watch(owner):
    switch_on(owner.credentials)


@pytest.fixture
def day():
    return yesterday()
