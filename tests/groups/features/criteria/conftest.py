"""Fixtures of the tests of criteria: clients of whom the tests know everything."""

from datetime import timedelta

import pytest

from tests.support.criteria import BRONZE, GOLD, SILVER, put_groups, save, today
from tests.support.people import make_user


@pytest.fixture
def sandbox(sandbox):
    """Return a Poster with three groups of known clients; the few of the other groups never take part.

    Each read of the sales would make receipts of a year for all of the seed, removed ones too.
    """
    sandbox.accounts["demo"].clients.load({}, dict.fromkeys((1, 4, 5), 2))
    return put_groups(sandbox)


@pytest.fixture
def client_of(sandbox):
    """Return a function that adds a client to a group, with what they bought so many days ago."""
    console = sandbox.console()

    def client_of(group_id, *bought, born="0000-00-00", registered="0000-00-00 00:00:00", **fields):
        client_id = console.put_client(
            group_id, lastname="Видима", birthday=born, date_activale=registered, **fields
        )
        for days, kopecks in bought:
            console.sell(client_id, today() - timedelta(days=days), kopecks, kopecks)
        return client_id

    return client_of


@pytest.fixture
def table(owner):
    """Return a saved table: gold for 6,000 ₴ in 365 days, silver for 3 receipts in 90, else bronze."""
    rows = (
        {"group_id": GOLD, "days": 365, "bought_min": 6_000_00},
        {"group_id": SILVER, "days": 90, "receipts_min": 3},
    )
    return save(owner, *rows, otherwise=BRONZE)


@pytest.fixture
def second_owner(db, sandbox):
    """Return another owner of the account, who may say yes to what the first one asks for."""
    return make_user("partner", role="Owners", account="demo", sandbox=sandbox)
