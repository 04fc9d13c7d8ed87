"""`make bench` runs and prints its table; how fast anything is, is no test's business."""

import importlib
import subprocess
import sys

import pytest

from tests.benchmarks import instructions
from tests.benchmarks.__main__ import NAMES
from tests.benchmarks.rows.results import Row
from tests.support.environment import ROOT, inherited


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_tells_its_options(capsys, name):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"tests.benchmarks.{name}").main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.thorough  # a tool of developers, with servers of its own
def test_the_table_is_printed_and_says_which_program_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # as after a test in a browser
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "list", "warm", "users"]
    environment = inherited() | {"PATH": str(tmp_path)}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    head, line, *rows = (
        [cell.strip() for cell in row.strip("|\n").split("|")]
        for row in ended.stdout.splitlines()
        if row.startswith("|")
    )
    assert head[:5] == ["row", "measured", "at least", "goal", "reached"]
    assert set("".join(line)) == {"-"}
    *lists, warm, users = rows
    assert len(lists) == 4 * 2  # each with the page that shows nothing
    assert all(float(measured) > 0 for _, measured, *_ in lists)
    assert (warm[:2], users[:2]) == (["warm", "–"], ["users", "–"])
    assert all("wrk is not installed" in row[-1] for row in (warm, users))


@pytest.mark.parametrize(
    ("measured", "more", "reached"),
    [
        (1.0601, False, "goal"),
        (1.10, False, "at least"),
        (1.101, False, "no"),
        (0.5, True, "no"),
        (1.10, True, "goal"),
        (None, False, "unknown"),
    ],
)
def test_a_row_says_what_was_reached(measured, more, reached):
    at_least, goal = (1.06, 1.10) if more else (1.10, 1.06)
    assert Row(name="", measured=measured, at_least=at_least, goal=goal, more=more).reached == reached


def test_instructions_are_not_counted_without_valgrind(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main(["--hold"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "valgrind is not installed" in line
