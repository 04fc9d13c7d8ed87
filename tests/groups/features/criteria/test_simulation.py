"""Run the simulation of `tests.tools.nights`: nobody is moved twice in a night, or against the oracle."""

import pytest

from tests.tools.nights import simulate


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seed", "nights"), [(1, 3), pytest.param(2, 12, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_amid_faults_lags_and_kills_each_client_ends_where_the_oracle_says(owner, seed, nights):
    counts, problems = simulate(seed, owner, nights)
    assert problems == []
    # The world is busy enough to show it.
    assert counts["moves"] > nights / 2
