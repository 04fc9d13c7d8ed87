"""Test that simultaneous reads share one call, and that the number of calls is limited."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from groups.poster import ErrorReason, NotAllowed, Transport
from groups.poster.transport import Answer
from groups.services import gateway
from groups.services.credentials import credentials_of
from groups.services.gateway import LimitedTransport, NoSlot, waiting
from poster_admin.common import threaded


class Counting(Transport):
    """A transport without a network, which counts the calls that are under way."""

    def __init__(self):
        self.under_way, self.most = 0, 0

    def exchange(self, *_args, **_options):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        time.sleep(0.01)
        self.under_way -= 1
        return Answer(200, b"", None)


def test_an_account_has_so_many_calls_under_way(settings):
    settings.POSTER_MAX_CONCURRENCY = 2
    counting = Counting()

    def call(person):
        limited = LimitedTransport(counting, "demo", person)
        return limited.exchange("GET", "", deadline=time.monotonic() + 60)

    with ThreadPoolExecutor(8) as pool:
        assert all(isinstance(each, Answer) for each in pool.map(call, range(8)))
    assert counting.most == 2
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(gateway.slots("calls of demo", 2))
        assert LimitedTransport(counting, "other", 1).exchange("GET", "", deadline=time.monotonic() + 60)
        late = LimitedTransport(counting, "demo", 1).exchange("GET", "", deadline=time.monotonic() + 0.02)
    assert late.reason == ErrorReason.BUSY


def test_threads_that_wait_are_limited_in_all_and_for_each_user(monkeypatch):
    monkeypatch.setattr(gateway, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(gateway, "IN_ALL", 3)
    monkeypatch.setattr(gateway, "OF_PERSON", 2)

    def is_let_in(person):
        with suppress(NoSlot), waiting(person):
            return True

    with waiting(1), waiting(1):
        assert not is_let_in(1)
        assert is_let_in(2)
        with waiting(2):
            assert not is_let_in(3)
    assert is_let_in(1)


def test_pages_that_do_not_ask_poster_have_threads_left():
    assert gateway.IN_ALL + 16 <= threaded.THREADS


def test_many_readers_at_once_share_one_answer_and_one_error(monkeypatch):
    came, go = threading.Barrier(9), threading.Event()
    calls, others = [], []

    @contextmanager
    def noted(person):
        others.append(person)
        yield

    monkeypatch.setattr(gateway, "waiting", noted)

    def ask():
        calls.append(1)
        go.wait(30)
        raise NotAllowed(20, "Poster's words", method="clients.getGroups")

    def look(person):
        came.wait(30)
        with pytest.raises(NotAllowed) as caught:
            gateway.single_flight("key", person, ask)
        return caught.value

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(look, number) for number in range(8)]
        came.wait(30)
        while len(others) < 7:
            time.sleep(0.001)
        go.set()
        errors = [run.result() for run in runs]
    assert calls == [1]
    assert len({id(error) for error in errors}) == 8
    assert {(error.code, error.message, error.method) for error in errors} == {
        (20, "Poster's words", "clients.getGroups")
    }


@pytest.mark.django_db
def test_no_turn_is_said_in_words_and_not_held_against_poster(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(gateway, "OF_PERSON", 0)
    answer = browse(staff).get("/groups/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "Too many are asking at once" in answer.content.decode()
    assert not sandbox.calls()
    account = credentials_of(staff).account
    assert (account.failing_since, account.open_until) == (None, None)


@pytest.mark.django_db
def test_a_person_who_asks_a_lot_is_in_nobodys_way(staff, owner, browse, sandbox, monkeypatch):
    monkeypatch.setattr(gateway, "OF_PERSON", 1)
    with waiting(staff.pk):
        assert browse(staff).get("/groups/1/edit/").status_code == 503
        assert browse(owner).get("/groups/1/edit/").status_code == 200
    assert browse(staff).get("/groups/1/edit/").status_code == 200


@pytest.mark.django_db
def test_a_write_without_a_turn_is_not_sent(staff, browse, sandbox, monkeypatch):
    from groups.models import Change
    from tests.support.pages import group_form

    client = browse(staff)
    form = group_form(client, "/groups/1/edit/")
    monkeypatch.setattr(gateway, "OF_PERSON", 0)
    assert client.post("/groups/1/edit/", form).status_code == 503
    assert Change.objects.get().state == Change.State.FAILED
    assert not sandbox.posts()
