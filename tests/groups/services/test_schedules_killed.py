"""Kill workers that carry out planned changes; `tests/tools/planning.py` does it 200 times by hand."""

import pytest

from tests.tools import planning

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kills", [2, pytest.param(4, marks=pytest.mark.thorough)])
def test_workers_that_are_killed_forget_no_return_and_write_nothing_twice(tmp_path, kills):
    made, left, faults = planning.run(tmp_path, kills)
    assert not faults
    assert made >= planning.GROUPS
    assert left["after the send"] + left["before the send"]
