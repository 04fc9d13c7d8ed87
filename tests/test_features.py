"""Test that features can be left out, in every pair of on and off, and that others plug in from outside."""

import itertools
import os
import subprocess
import sys

import pytest

from poster_admin.features import FEATURES, needed_by
from tests.support.environment import ROOT, SCRATCH
from tests.support.pairwise import covering

pytestmark = [pytest.mark.once, pytest.mark.slow]
ALL = ",".join(FEATURES)


def run_with(*paths, **variables):
    """Run files of tests in a process of its own, since the apps of a process cannot change."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *paths]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TEST_"))}
    # The tables are there whatever is off, so the migrated database of this run will do.
    kept["TEST_SCRATCH"] = str(SCRATCH)
    ran = subprocess.run(command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]


def with_dependents(name):
    """Return a feature, and all that cannot do without it."""
    return {name}.union(*(with_dependents(each) for each in needed_by(name)))


def on_beside_off(off):
    """Return each pair of a feature that is on and one that is off, to which a link of the first may lead."""
    return set(itertools.product(set(FEATURES) - off, off))


def few_runs():
    """Return few sets of features that are off, in which each is on beside each other one that may be off."""
    alone = [with_dependents(name) for name in FEATURES]
    together = [set().union(*some) for some in itertools.combinations(alone, 3)]
    return covering(together, on_beside_off)


CRAWL = "tests/outside/check_without.py"


@pytest.mark.parametrize(
    "off",
    [
        ALL,
        *(
            pytest.param(",".join(sorted(off)), id=f"run {number}", marks=pytest.mark.thorough)
            for number, off in enumerate(few_runs())
        ),
    ],
)
def test_without_a_feature_each_link_leads_to_a_page(off):
    run_with(CRAWL, TEST_FEATURES_OFF=off)


def test_a_feature_plugs_in_from_outside_the_tree_and_with_all_of_them_each_link_leads_to_a_page():
    run_with(CRAWL, "tests/outside/notes/check_notes.py", TEST_FEATURES="tests.outside.notes")


@pytest.mark.thorough  # `make test` leaves out all features at once
def test_limits_that_bind_nothing_are_told():
    run_with("tests/outside/check_without_limits.py", TEST_FEATURES_OFF="approvals")
