"""`make bench` runs and prints its table; how fast anything is, is no test's business."""

import importlib
import subprocess
import sys

import pytest

from tests.benchmarks import effect, instructions
from tests.benchmarks.__main__ import NAMES
from tests.support.environment import ROOT, inherited


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_shows_its_options(capsys, name):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"tests.benchmarks.{name}").main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.thorough  # a tool of developers, with servers of its own
def test_the_table_is_printed(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # as after a test in a browser
    command = [sys.executable, "-m", "tests.benchmarks", "--quick"]
    ended = subprocess.run(
        command, cwd=ROOT, env=inherited(), check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    head, *rows = ([cell.strip() for cell in row.split("|")] for row in ended.stdout.splitlines())
    assert head == ["", "row", "measured", "from"]
    # The list at two latencies and the large one have the page that shows nothing beside them.
    assert len(rows) == 3 * 2 + len(("detail", "form", "cold", "memory")) + 2 * 3
    assert all(float(measured) > 0 for _, _, measured, _ in rows)


def test_instructions_are_not_counted_without_valgrind(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main(["--hold"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "valgrind is not installed" in line


@pytest.mark.thorough  # tests/groups/services/writes/test_simulation.py runs the same
def test_the_simulation_of_writes_is_started_by_hand():
    command = [sys.executable, "-m", "tests.benchmarks", "writes", "--writes", "5"]
    ended = subprocess.run(command, cwd=ROOT, env=inherited(), check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "5 writes each" in ended.stdout


@pytest.mark.parametrize("kind", effect.KINDS)
@pytest.mark.parametrize("draws", [400, pytest.param(8_000, marks=pytest.mark.thorough)])
def test_a_verdict_after_a_change_is_no_more_often_false_than_is_said(kind, draws):
    highest = effect.KINDS[kind][1]
    counts = effect.simulate(kind, 52, draws, effects=(0,))[0]
    # Three standard deviations are left to chance.
    chance = 3 * (highest * (100 - highest) / draws) ** 0.5
    assert counts["more"] + counts["less"] <= highest + chance
    assert effect.simulate(kind, 51, 50, effects=(20,))[20].keys() == {"cannot-tell"}


def test_what_a_change_does_is_found_as_often_as_is_said():
    counts = effect.simulate("noise", 52, 1_000, effects=(10, 20))
    assert counts[10]["more"] == pytest.approx(49, abs=5)
    assert counts[20]["more"] == pytest.approx(96, abs=2)
    assert counts[10]["less"] == counts[20]["less"] == 0
