"""Run the simulation of `tests.tools.watching`: no change made elsewhere is made up, and none is missed."""

import pytest

from tests.tools.watching import simulate

STEPS = 60
FEW = 30


@pytest.fixture
def _production(settings):
    settings.POSTER_READ_PAUSES = (0.0, 1.0, 3.0)
    settings.POSTER_CONNECT_TIMEOUT, settings.POSTER_READ_TIMEOUT = 3, 8
    settings.POSTER_READ_DEADLINE, settings.POSTER_WRITE_DEADLINE = 12, 30
    settings.POSTER_SETTLE_SECONDS, settings.POSTER_LAG_SECONDS = 1800, 90
    settings.POSTER_CONFIRM_SECONDS, settings.POSTER_WATCH_SECONDS = 3, 60


@pytest.mark.once  # the database is asked for the same as by each look alone
@pytest.mark.django_db
@pytest.mark.usefixtures("_production")
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
