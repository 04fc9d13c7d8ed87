"""Test the small line of what is owed: it shows how much has changed, not only that something has."""

from datetime import date
from decimal import Decimal

import pytest

from groups.features.figures.views import draw_line


@pytest.mark.parametrize(
    ("sums", "line"),
    [
        ((1000, 2000), "0.0,22.0 100.0,2.0"),
        ((1000, 999), "0.0,11.5 100.0,12.5"),
        ((0, 0), "0.0,12.0 100.0,12.0"),
    ],
)
def test_a_small_change_looks_small(sums, line):
    owed = {date(2026, 12, day): Decimal(amount) for day, amount in enumerate(sums, 1)}
    assert draw_line(owed) == [line]
