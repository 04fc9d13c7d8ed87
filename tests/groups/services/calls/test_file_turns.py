"""Test that files are made and read one at a time, and that not all threads wait for their turn."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from groups.services.calls.limits import NoSlot, file_turn, waiting
from tests.support.pages import text_of

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


@pytest.mark.parametrize("path", ["/groups/export.csv", "/groups/export.xlsx", "/history/export.csv"])
def test_a_user_who_waits_for_many_files_already_is_told_so(staff, browse, sandbox, path):
    client = browse(staff)
    client.get("/groups/")
    with ExitStack() as others:
        with suppress(NoSlot):
            while True:
                others.enter_context(waiting(staff.pk))
        answer = client.get(path)
    assert answer.status_code == 503
    assert "Too many are asking at once" in text_of(answer)
    assert client.get(path).status_code == 200
