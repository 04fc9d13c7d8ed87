"""Kill workers that carry out planned changes; `tests/tools/planning.py` does it 200 times by hand."""

import pytest

from tests.tools import planning

# test_steps.py kills a worker at each step, in this process.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def test_workers_that_are_killed_forget_no_return_and_write_nothing_twice(tmp_path):
    made, left, faults = planning.run(tmp_path, kills=4)
    assert not faults
    assert made >= planning.GROUPS
    assert left["after the send"] + left["before the send"]
