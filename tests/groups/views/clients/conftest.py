"""Fixtures of the pages of clients."""

import pytest


@pytest.fixture
def somebody(sandbox):
    """Return the row of a client with unique values."""
    sandbox.console().edit_client(
        7,
        lastname="Кам&#39;янецька",
        firstname="Ёлка",
        patronymic="",
        phone="+380 44 555 66 77",
        phone_number="380445556677",
        card_number="C-9001",
        discount_per="25",
        bonus="123456",
        total_payed_sum="9999999",
        birthday="1990-05-24",
        comment="ніколи не показувати",
    )
    return sandbox.accounts["demo"].clients.row(7)
