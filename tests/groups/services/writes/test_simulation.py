"""Run the benchmark `writes` for dozens of writes on a bad network: every message is true."""

import pytest

from tests.benchmarks.writes import MINUTE, World, run_dashboard, run_naive
from tests.support.pairwise import examples

WRITES = 300


@pytest.mark.once  # the database gets the same queries as by each of these writes alone
@pytest.mark.django_db
@pytest.mark.usefixtures("production")
def test_with_reads_that_lag_nothing_is_reported_falsely_and_no_change_is_written_over(owner):
    writes = examples(WRITES // 15, WRITES // 5)
    counts = run_dashboard(World(1, longest_delay=15 * MINUTE, lag=60), owner, writes)
    assert counts["posts"] == 1
    lies = ("duplicates", "twice", "false_failed", "false_applied", "lost")
    assert {lie: counts[lie] for lie in lies} == dict.fromkeys(lies, 0)


def test_the_network_is_bad_enough_to_show_it():
    counts = run_naive(World(1, longest_delay=15 * MINUTE), 3, WRITES)
    assert counts["duplicates"] > 0
    assert counts["false_failed"] > WRITES * 0.1
    assert counts["twice"] > 0
