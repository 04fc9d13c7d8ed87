"""Connections to the database come out of a pool and go back to it; none is held while Poster is awaited."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import OperationalError, connections

from groups.services.accounts import connection_of
from groups.services.groups import list_groups
from poster_admin.devtools.sandbox import Sandbox
from poster_admin.sqlite import base
from tests import environment
from tests.services import empty_database
from tests.tools.killing import Dashboard

SQLITE = connections.settings["default"] | {
    "ENGINE": "poster_admin.sqlite",
    "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL;", "timeout": 20},
    "TEST": {},
}
pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Return a function that gives a thread's connection to one database, and the list of those opened."""
    opened = []
    open_one = base.base.DatabaseWrapper.get_new_connection
    monkeypatch.setattr(
        base.base.DatabaseWrapper,
        "get_new_connection",
        lambda self, params: opened.append(open_one(self, params)) or opened[-1],
    )

    def connect():
        return base.DatabaseWrapper(SQLITE | {"NAME": str(tmp_path / "pool.sqlite3")})

    connect.opened = opened
    yield connect
    for each in opened:
        each.close()


def one_of(wrapper):
    with wrapper.cursor() as cursor:
        return cursor.execute("SELECT 1").fetchone()[0]


def test_what_is_closed_is_used_again_by_any_thread(opened):
    def ask(_):
        wrapper = opened()
        try:
            return one_of(wrapper)
        finally:
            wrapper.close()

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        assert [*one.map(ask, range(3)), *another.map(ask, range(3)), ask(0)] == [1] * 7
    assert len(opened.opened) == 1


def test_two_at_the_same_time_have_one_each(opened):
    first, second = opened(), opened()
    assert [one_of(first), one_of(second)] == [1, 1]
    assert first.connection is not second.connection
    assert len(opened.opened) == 2


def test_more_than_the_pool_has_are_opened_and_closed_again(opened, monkeypatch):
    monkeypatch.setattr(base, "WAIT", 0.001)
    many = [opened() for _ in range(base.SIZE + 3)]
    assert [one_of(each) for each in many] == [1] * len(many)
    for each in many:
        each.close()
    again = [opened() for _ in range(base.SIZE)]
    assert [one_of(each) for each in again] == [1] * len(again)
    assert len(opened.opened) == base.SIZE + 3


def test_who_waits_gets_the_one_that_comes_back(opened, monkeypatch):
    monkeypatch.setattr(base, "WAIT", 30)
    many = [opened() for _ in range(base.SIZE)]
    for each in many:
        one_of(each)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: one_of(opened()))
        many[0].close()
        assert asked.result(30) == 1
    assert len(opened.opened) == base.SIZE


def test_nothing_that_was_left_undone_comes_back(opened):
    wrapper = opened()
    with wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE thing (name text UNIQUE)")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO thing VALUES ('half')")
    wrapper.close()
    with wrapper.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    assert len(opened.opened) == 2


def test_one_with_an_error_is_not_used_again(opened):
    wrapper = opened()
    with pytest.raises(OperationalError), wrapper.cursor() as cursor:
        cursor.execute("SELECT * FROM nothing")
    wrapper.close()
    assert one_of(wrapper) == 1
    assert len(opened.opened) == 2


def test_one_that_cannot_be_opened_takes_no_place(tmp_path):
    missing = base.DatabaseWrapper(SQLITE | {"NAME": str(tmp_path / "no" / "folder" / "pool.sqlite3")})
    for _ in range(base.SIZE + 1):
        with pytest.raises(OperationalError):
            one_of(missing)
    assert missing._pool.qsize() == base.SIZE


@pytest.mark.django_db(transaction=True)
def test_none_is_held_while_poster_is_awaited(staff, sandbox, monkeypatch):
    link, database, held = connection_of(staff), connections["default"], []
    answer = sandbox._api.answer

    def note(request, **options):
        held.append(database.connection is not None)
        return answer(request, **options)

    monkeypatch.setattr(sandbox._api, "answer", note)
    assert database.connection is not None
    list_groups(link, fresh=True)
    assert held == [False]


@pytest.mark.services
def test_postgresql_is_asked_for_few_connections_however_many_come(tmp_path):
    """It lets 100 in, and each thread had one of its own."""
    many = 120
    with empty_database(environment.POSTGRES_URL) as url, Sandbox() as sandbox:
        dashboard = Dashboard(tmp_path, sandbox, database_url=url, CACHE_URL=environment.REDIS_URL)
        try:
            dashboard.start()
            with ThreadPoolExecutor(many) as pool:
                pages = list(pool.map(lambda _: dashboard.look("/history/"), range(3 * many)))
            assert all('class="nav"' in page for page in pages)
            with psycopg.connect(environment.POSTGRES_URL) as server:
                name = urlsplit(url).path.removeprefix("/")
                query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
                (count,) = server.execute(query, [name]).fetchone()
        finally:
            dashboard.close()
    assert 0 < count <= 16


def test_what_the_address_of_the_database_asks_for_stays():
    """Without `sslmode` the passwords and the journal would travel in clear text."""
    address = "postgres://someone@db.corp.example/poster_admin?sslmode=verify-full&conn_max_age=60"
    script = (
        "from django.conf import settings; d = settings.DATABASES['default'];"
        "print(d['OPTIONS']['sslmode'], 'pool' in d['OPTIONS'], d['CONN_MAX_AGE'])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=environment.ROOT,
        env={**os.environ, "DATABASE_URL": address},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.split() == ["verify-full", "True", "0"]
