"""Test the locks that say that a database is served."""

import threading
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db.utils import ConnectionHandler
from environ import Env

from poster_admin.common import locks
from poster_admin.common.locks import alone

pytestmark = pytest.mark.django_db


@pytest.fixture
def another_database(monkeypatch):
    """Return a function that lets the locks be those of another database."""

    def use(**settings):
        monkeypatch.setattr(locks, "connections", ConnectionHandler({"default": settings}))

    return use


@pytest.mark.parametrize("name", [":memory:", "file:one?mode=memory&cache=shared"])
def test_a_database_in_memory_is_served_by_nobody_and_has_no_files_of_locks(
    another_database, monkeypatch, tmp_path, name
):
    monkeypatch.chdir(tmp_path)
    another_database(ENGINE="django.db.backends.sqlite3", NAME=name)
    with pytest.raises(CommandError, match="DATABASE_URL is a database in memory"), locks.in_use():
        pass
    with locks.migration_lock("default"), alone():
        assert list(tmp_path.iterdir()) == []


@pytest.mark.once
@pytest.mark.needs("postgresql", "redis")
def test_a_server_that_starts_just_before_the_lock_is_taken_is_seen(
    another_database, monkeypatch, postgres_url
):
    another_database(**Env.db_url_config(postgres_url))
    lock = locks.migration_lock

    @contextmanager
    def lock_of_the_second(alias):
        with psycopg.connect(postgres_url), lock(alias):
            yield

    with alone():
        pass
    monkeypatch.setattr(locks, "migration_lock", lock_of_the_second)
    with pytest.raises(CommandError, match="PostgreSQL has 1 sessions"), alone():
        pass


@pytest.mark.once
@pytest.mark.needs("postgresql", "redis")
def test_a_session_that_is_about_to_end_is_in_nobody_s_way(another_database, postgres_url):
    another_database(**Env.db_url_config(postgres_url))
    session = psycopg.connect(postgres_url)
    end = threading.Timer(0.3, session.close)
    end.start()
    with alone():
        assert session.closed
    end.join()
