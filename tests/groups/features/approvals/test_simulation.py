"""Run the simulation of `tests.tools.limiting`: no job reaches too many, none stops that could go on."""

import pytest

from tests.tools.limiting import simulate

RUNS = 24
FEW = 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seed", "runs"),
    [(1, FEW), pytest.param(2, RUNS, marks=pytest.mark.thorough)],
)
def test_amid_people_faults_and_lags_nobody_too_many_is_reached(staff, owner, seed, runs):
    counts, problems = simulate(seed, staff, owner, runs)
    assert problems == []
    # The world is busy enough to show it.
    assert counts["done"] > runs / 4
    assert counts["asked at the start"] + counts["asked for the rest"] > runs / 8
