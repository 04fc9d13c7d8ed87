"""Work is done while an answer is awaited, once, and only as long as its block lasts."""

import pytest

from groups.poster import Meanwhile
from tests.poster.patience import answers_after


def test_it_is_done_while_poster_is_awaited(poster, sandbox, monkeypatch):
    times = []
    with (
        answers_after(sandbox, monkeypatch) as let_answer,
        Meanwhile(lambda: times.append(let_answer())) as work,
    ):
        poster.get_groups()
        work()
    assert len(times) == 1
    assert len(sandbox.calls()) == 1


def test_without_a_call_it_is_done_when_its_result_is_wanted():
    done = []
    with Meanwhile(lambda: done.append(1) or len(done)) as work:
        assert not done
        assert work() == 1
        assert work() == 1
    assert done == [1]


def test_after_its_block_nobody_does_it(poster):
    done = []
    with Meanwhile(lambda: done.append(1)):
        pass
    poster.get_groups()
    assert not done


def test_several_are_done_in_their_order(poster):
    done = []
    with Meanwhile(lambda: done.append(1)), Meanwhile(lambda: done.append(2)):
        poster.get_groups()
    assert done == [1, 2]


def test_what_goes_wrong_in_it_is_for_who_wants_its_result(poster):
    tries = []

    def fail():
        tries.append(1)
        raise LookupError

    with Meanwhile(fail) as work:
        assert poster.get_groups().groups
        assert len(tries) == 1
        with pytest.raises(LookupError):
            work()
