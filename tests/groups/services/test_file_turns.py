"""Test that files are made and read one at a time, and that not all threads wait for their turn."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from groups.services.gateway import file_turn

pytestmark = pytest.mark.django_db


def test_one_file_is_made_at_a_time():
    inside, most = [], []

    def make(person):
        with file_turn(person):
            inside.append(person)
            time.sleep(0.02)  # so that another thread would come in
            most.append(len(inside))
            inside.remove(person)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    assert most == [1] * 6


def test_a_turn_ends_with_an_error_too():
    with pytest.raises(ZeroDivisionError), file_turn(1):
        raise ZeroDivisionError
    with file_turn(1):
        pass
