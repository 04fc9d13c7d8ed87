"""Run the benchmark `writes` for dozens of writes on a bad network: every message is true."""

import pytest

from tests.benchmarks.writes import MINUTE, World, run_dashboard, run_naive

WRITES = 300


@pytest.mark.django_db
@pytest.mark.usefixtures("production")
@pytest.mark.thorough  # as where reads lag too
def test_nothing_is_doubled_and_no_failure_is_false(owner):
    counts = run_dashboard(World(1, longest_delay=15 * MINUTE), owner, WRITES // 5)
    assert counts["posts"] == 1
    assert counts["duplicates"] == counts["twice"] == counts["false_failed"] == 0
    # A change needs review, or is credited to the wrong user, only if somebody else changed the same group.
    assert counts["person"] + counts["false_applied"] <= counts["writes"] * 0.05


@pytest.mark.once  # the database is asked for the same as by each of these writes alone
@pytest.mark.django_db
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("seed", "writes"),
    [(1, WRITES // 15), pytest.param(2, WRITES // 5, marks=pytest.mark.thorough)],
)
def test_with_reads_that_lag_nothing_is_told_falsely_and_no_change_is_written_over(owner, seed, writes):
    counts = run_dashboard(World(seed, longest_delay=15 * MINUTE, lag=60), owner, writes)
    assert counts["posts"] == 1
    lies = ("duplicates", "twice", "false_failed", "false_applied", "lost")
    assert {lie: counts[lie] for lie in lies} == dict.fromkeys(lies, 0)


@pytest.mark.parametrize("retries", [0, 3])
def test_the_network_is_bad_enough_to_show_it(retries):
    counts = run_naive(World(1, longest_delay=15 * MINUTE), retries, WRITES)
    assert counts["duplicates"] > 0
    assert counts["false_failed"] > WRITES * 0.1
    assert bool(counts["twice"]) is bool(retries)
