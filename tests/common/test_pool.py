"""Test the pool of PostgreSQL connections: none is held while waiting for Poster."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, connections

from groups.poster import Transport
from groups.services.credentials import credentials_of
from groups.services.groups import list_groups
from poster_admin.devtools.sandbox import Sandbox
from tests.support import environment
from tests.support.dashboard.killing import Dashboard
from tests.support.databases import migrated_database


@pytest.mark.skipif(connection.vendor == "sqlite", reason="each thread keeps its own there")
@pytest.mark.django_db(transaction=True)
def test_none_is_held_while_poster_is_awaited(staff, sandbox, monkeypatch):
    credentials, database, held = credentials_of(staff), connections["default"], []
    exchange = Transport.exchange

    def note(*args, **options):
        held.append(database.connection is not None)
        return exchange(*args, **options)

    monkeypatch.setattr(Transport, "exchange", note)
    assert database.connection is not None
    list_groups(credentials, fresh=True)
    assert held == [False]


@pytest.mark.once
@pytest.mark.thorough
@pytest.mark.needs("postgresql", "redis")
def test_postgresql_is_asked_for_few_connections_however_many_come(tmp_path):
    """PostgreSQL accepts 100 connections; before the pool each thread held one."""
    many = 120
    with migrated_database(environment.POSTGRES_URL) as url, Sandbox() as sandbox:
        dashboard = Dashboard(tmp_path, sandbox, database_url=url, CACHE_URL=environment.REDIS_URL)
        try:
            dashboard.start()
            with ThreadPoolExecutor(many) as pool:
                pages = list(pool.map(lambda _: dashboard.look("/history/"), range(many)))
            assert all('class="nav"' in page for page in pages)
            with psycopg.connect(environment.POSTGRES_URL) as server:
                name = urlsplit(url).path.removeprefix("/")
                query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
                (count,) = server.execute(query, [name]).fetchone()
        finally:
            dashboard.close()
    assert 0 < count <= 16


@pytest.mark.once
def test_what_the_address_of_the_database_asks_for_stays():
    """Without `sslmode`, passwords and journal would be sent in clear text."""
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
