"""Test that simultaneous reads share one call, and that the number of calls is limited."""

import os
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from groups.poster import NotAllowed
from groups.services.calls import limits
from groups.services.credentials import credentials_of
from groups.services.shared_calls import alone, single_flight
from poster_admin.common import slots
from poster_admin.common.serving import threaded
from tests.support import environment, programs


@pytest.fixture(params=["files", "redis"])
def house(request, tmp_path, monkeypatch):
    """Return both kinds of shared slots, one after the other."""
    if request.param == "redis":
        pytest.importorskip("redis")
        if missing := programs.missing("postgresql", "redis"):
            programs.not_run(missing)
        made = slots.Redis(environment.REDIS_URL)
    else:
        made = slots.Files(tmp_path)
    monkeypatch.setattr(slots, "shared_slots", lambda: made)
    return made


def test_there_are_only_so_many_places(house, request):
    name = request.node.nodeid
    with slots.slot(name, 2, wait=0, lease=5), slots.slot(name, 2, wait=0, lease=5):
        with pytest.raises(slots.NoSlot), slots.slot(name, 2, wait=0.05, lease=5):
            pass
        with slots.slot(f"{name} of another", 2, wait=0, lease=5):
            pass
    with slots.slot(name, 2, wait=0, lease=5):
        pass


def test_who_waits_gets_the_place_that_comes_free(house, request):
    name = request.node.nodeid
    inside, most = [], []

    def stay(number):
        with slots.slot(name, 2, wait=30, lease=30):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stay, range(8)))
    assert len(most) == 8
    assert max(most) <= 2


def test_who_waits_gets_any_place_that_comes_free(house, request, monkeypatch):
    monkeypatch.setattr("random.sample", lambda numbers, _: list(numbers))
    name = slots._key(request.node.nodeid)
    first, second = (house.take(name, 2, 0, 30) for _ in range(2))

    def wait():
        house.take(name, 2, 5, 30)()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        time.sleep(0.05)
        second()
        waiting.result(timeout=2)
    first()


def test_a_lease_ends_by_itself(house, request):
    if not isinstance(house, slots.Redis):
        pytest.skip("the kernel frees a file's lock")
    name = request.node.nodeid
    give_back = house.take(slots._key(name), 1, 0, 0.05)
    with slots.slot(name, 1, wait=30, lease=1):
        give_back()  # too late: another thread holds the slot
        with pytest.raises(slots.NoSlot):
            house.take(slots._key(name), 1, 0, 1)
    with slots.slot(request.node.nodeid, 1, wait=30, lease=1):
        pass


GREEDY = """
import sys, time, django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from poster_admin.common import slots
url, folder = sys.argv[2], Path(sys.argv[3])
made = slots.Redis(url) if url else slots.Files(folder)
slots.shared_slots = lambda: made
def hold(_):
    with slots.slot(sys.argv[1], 2, wait=60, lease=3):
        print("held", flush=True)
        time.sleep(0.05)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(hold, range(10_000)))
"""


def test_another_process_that_takes_all_leaves_a_place_and_killed_gives_all_back(house, request, tmp_path):
    name = request.node.nodeid
    url = environment.REDIS_URL if isinstance(house, slots.Redis) else ""
    greedy = subprocess.Popen(
        [sys.executable, "-c", GREEDY, name, url, str(tmp_path)],
        cwd=environment.ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "poster_admin.settings"},
        stdout=subprocess.PIPE,
    )
    try:
        greedy.stdout.readline()
        for _ in range(3):
            with slots.slot(name, 2, wait=20, lease=3):
                time.sleep(0.01)
    finally:
        greedy.kill()
        greedy.communicate()
    with slots.slot(name, 2, wait=20, lease=3), slots.slot(name, 2, wait=20, lease=3):
        pass


def test_a_room_that_stays_full_sends_away(monkeypatch):
    monkeypatch.setattr(slots, "LONGEST_WAIT", 0.05)
    bounded = slots.AccountLimiter(in_all=4, of_person=2, of_account=3)

    def enter(person, account):
        with bounded.entered(person, account=account):
            pass

    with bounded.entered(1, account="a"), bounded.entered(1, account="a"):
        with pytest.raises(slots.NoSlot):
            enter(1, "b")
        with bounded.entered(2, account="a"):
            with pytest.raises(slots.NoSlot):
                enter(3, "a")
            with bounded.entered(3), pytest.raises(slots.NoSlot):
                enter(4, "b")
    enter(1, "a")
    assert not bounded._inside


def test_pages_that_do_not_ask_poster_have_threads_left():
    assert limits.IN_ALL + 16 <= threaded.THREADS


def test_a_thread_waits_a_moment_for_a_room_that_is_full():
    bounded = slots.AccountLimiter(in_all=1, of_person=2, of_account=2)
    inside = threading.Event()

    def enter(person):
        with bounded.entered(person, account="a"):
            inside.set()
            time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(enter, 1)
        inside.wait(30)
        enter(2)
        first.result()


def test_many_who_look_at_once_share_one_answer_and_one_error():
    came, go = threading.Barrier(9), threading.Event()
    asked = []

    def ask():
        asked.append(1)
        go.wait(30)
        raise NotAllowed(20, "Poster's words", method="clients.getGroups")

    def look(person):
        came.wait(30)
        with pytest.raises(NotAllowed) as caught:
            single_flight("key", person, lambda: None, ask, name="all")
        return caught.value

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(look, number) for number in range(8)]
        came.wait(30)
        while limits.limiter._inside.total() < 7:
            time.sleep(0.001)
        go.set()
        errors = [run.result() for run in runs]
    assert asked == [1]
    # Each thread has an exception and a traceback of its own, all with the same message.
    assert len({id(error) for error in errors}) == 8
    for error in errors:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames.count("look") == frames.count("single_flight") == 1
    assert {(error.code, error.message, error.method, str(error)) for error in errors} == {
        (20, "Poster's words", "clients.getGroups", str(errors[0]))
    }


def test_installations_of_another_poster_do_not_wait_for_each_other(settings):
    def ask_another():
        settings.POSTER_API_URL = "http://127.0.0.1:9/another/{account}/api/"
        return alone("demo one", lambda: None, lambda: "there")

    settings.POSTER_READ_DEADLINE = 0.5
    assert alone("demo one", lambda: None, ask_another) == "there"


@pytest.mark.django_db
def test_no_turn_is_said_in_words_and_not_held_against_poster(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(limits, "limiter", slots.AccountLimiter(in_all=0, of_person=0, of_account=0))
    answer = browse(staff).get("/groups/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "Too many are asking at once" in answer.content.decode()
    assert not sandbox.calls()
    account = credentials_of(staff).account
    assert (account.failing_since, account.open_until) == (None, None)


@pytest.mark.django_db
def test_a_person_who_asks_a_lot_is_in_nobodys_way(staff, owner, browse, sandbox, monkeypatch):
    monkeypatch.setattr(limits, "limiter", slots.AccountLimiter(in_all=9, of_person=1, of_account=9))
    monkeypatch.setattr(slots, "LONGEST_WAIT", 30.0)
    with limits.limiter.entered(staff.pk):
        began = time.monotonic()
        assert browse(staff).get("/groups/1/edit/").status_code == 503
        assert time.monotonic() - began < 30
        assert browse(owner).get("/groups/1/edit/").status_code == 200
    assert browse(staff).get("/groups/1/edit/").status_code == 200


@pytest.mark.django_db
def test_a_write_without_a_turn_is_not_sent(staff, browse, sandbox, monkeypatch):
    from groups.models import Change
    from tests.support.pages import group_form

    client = browse(staff)
    form = group_form(client, "/groups/1/edit/")
    monkeypatch.setattr(limits, "limiter", slots.AccountLimiter(in_all=0, of_person=0, of_account=0))
    assert client.post("/groups/1/edit/", form).status_code == 503
    assert Change.objects.get().state == Change.State.FAILED
    assert not sandbox.posts()
