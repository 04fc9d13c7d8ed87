"""Fixtures of the pages that write."""

import pytest


@pytest.fixture
def empty_group(sandbox):
    """Return the number of a group without clients."""
    row = sandbox.accounts["demo"].snapshot()[4]
    return sandbox.console("demo").put(
        row | {"client_groups_id": "7", "client_groups_name": "Порожня", "count_groups_clients": "0"}
    )
