"""Run the simulation of `tests.tools.watching`: no change made elsewhere is made up, and none is missed."""

import pytest

from tests.tools.watching import simulate

STEPS = 60
FEW = 20


@pytest.mark.once  # the database is asked for the same as by each look alone
@pytest.mark.django_db
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, FEW), pytest.param(2, STEPS, marks=pytest.mark.thorough)],
)
def test_amid_faults_late_writes_and_lags_nothing_is_made_up_and_nothing_missed(owner, seed, steps):
    counts, problems = simulate(seed, owner, steps)
    assert (problems, counts["false"], counts["missed"]) == ([], 0, 0)
    # The world is busy enough to show it.
    assert counts["found"] > steps / 6
    assert counts["ours"] > steps / 12
    assert counts["looks"] > steps * 2.5
