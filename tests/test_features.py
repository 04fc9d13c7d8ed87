"""Test that features can be left out, each alone and all of them, and that others plug in from outside."""

import os
import subprocess
import sys

import pytest

from poster_admin.features import FEATURES, needed_by
from tests.support.environment import ROOT, SCRATCH

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


CRAWL = "tests/outside/check_without.py"


@pytest.mark.parametrize(
    "off",
    [
        ALL,
        *(
            pytest.param(",".join(sorted(with_dependents(name))), id=name, marks=pytest.mark.thorough)
            for name in FEATURES
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
