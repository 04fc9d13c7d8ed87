"""Test the simulations as people start them: a short one of each ends well, with its counts."""

import subprocess
import sys

import pytest

from tests.support.environment import ROOT, inherited

pytestmark = [pytest.mark.thorough, pytest.mark.once]


@pytest.mark.parametrize(
    ("module", "options", "counted"),
    [
        ("tests.tools.limiting", ("--runs", "1"), "runs: 1"),
        ("tests.tools.nights", ("--nights", "1"), "nights: 2"),
        ("tests.tools.watching", ("--steps", "1"), "looks: "),
        ("tests.benchmarks", ("writes", "--writes", "5"), "5 writes each"),
    ],
)
def test_a_simulation_is_started_by_hand(module, options, counted):
    ended = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT, env=inherited(), check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert counted in ended.stdout
