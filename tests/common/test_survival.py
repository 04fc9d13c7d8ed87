"""Test short outages of database, cache or disk: work waits if it can, and no message is false."""

import contextlib
import re
import socket
import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support import environment, outages
from tests.support.dashboard.killing import WRITE, Dashboard, wait_until
from tests.support.dashboard.moving import Move
from tests.support.databases import migrated_database

pytestmark = pytest.mark.slow
# A job's lease is shorter than the outage of the database.
QUICK = {"JOB_LEASE_SECONDS": "2"}
# So slow is Poster during a move that these outlast the outage in its middle.
LATENCY, CLIENTS = 0.3, 24
needs_root = pytest.mark.skipif(not outages.can_mount(), reason="NOT RUN: a full disk needs root")


class Way:
    """A proxy to a server that can be cut: all connections are closed, and no new ones accepted."""

    def __init__(self, host, port):
        self._to, self._open = (host, port), set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Close all connections, and accept no new ones."""
        with self._lock:
            self._is_cut = True
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def repair(self):
        """Accept new connections again."""
        with self._lock:
            self._is_cut = False

    def close(self):
        """Cut it for good."""
        self.cut()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        with self._lock:
            if self._is_cut:
                near.close()
                return
            far = socket.create_connection(self._to)
            self._open |= {near, far}
        back = threading.Thread(target=_copy, args=(far, near), daemon=True)
        back.start()
        _copy(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def sandbox():
    with Sandbox(groups=30) as sandbox:
        yield sandbox


@pytest.fixture
def disk(tmp_path):
    disk = outages.Disk(tmp_path, megabytes=16)
    yield disk
    disk.close()


@pytest.fixture
def redis(tmp_path):
    redis = outages.Redis(tmp_path)
    yield redis
    redis.thaw()
    redis.kill()


@pytest.fixture
def way():
    to = urlsplit(environment.POSTGRES_URL)
    way = Way(to.hostname, to.port)
    yield way
    way.close()


@pytest.fixture
def installation(tmp_path, sandbox):
    """Return a function that starts a dashboard with these settings."""
    started = []

    def start(**options):
        started.append(Dashboard(tmp_path, sandbox, lock_timeout=1, **QUICK | options))
        started[0].start()
        return started[0]

    yield start
    for dashboard in started:
        dashboard.close()


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """Return a dashboard for the tests that leave it as they found it."""
    with Sandbox(groups=30) as sandbox:
        dashboard = Dashboard(tmp_path_factory.mktemp("standing"), sandbox, lock_timeout=1, **QUICK)
        yield dashboard
        dashboard.close()


@pytest.fixture
def dashboard(standing):
    """Return a dashboard, and a sandbox without recorded calls."""
    standing.start()
    standing.sandbox.log.clear()
    yield standing
    standing.sandbox.latency = 0


def shows_the_list(dashboard):
    page = dashboard.get("/groups/?refresh=1")
    groups = len(dashboard.sandbox.accounts["demo"].groups)
    shown = page.text.count("<tr data-group=")
    return page.status_code == 200 and shown == groups >= 30 and "stale" not in page.text


def outcome_of(answer):
    """Return the status of a response and the outcome that it shows."""
    told = re.search(r'data-outcome="(\w+)"', answer.text)
    return answer.status_code, told and told[1]


def edit(dashboard):
    """Edit a group that was not edited yet; return the write and the response."""
    write = dashboard.plan("update", "")
    return write, dashboard.send_form(*dashboard.open_form(write))


def moves_on(dashboard, trouble):
    """Return True if a job goes on on its own after an outage in its middle."""
    dashboard.sandbox.latency = LATENCY
    move = Move(dashboard, CLIENTS)
    try:
        move.wait_for(5)
        trouble()
        dashboard.sandbox.latency = 0
        move.wait_until_ended(60)
    finally:
        move.end_worker()
    return move.faults_found()


def during(sandbox, method, trouble):
    """Run a function while Poster is processing the next call of a method, before it answers."""
    serve = sandbox.serve

    def serve_in_trouble(request, connection):
        if request.method == method:
            del sandbox.serve
            trouble()
        serve(request, connection)

    sandbox.serve = serve_in_trouble


# --- SQLite is locked by another process -------------------------------------------------------------------


def test_while_the_database_is_locked_pages_are_shown_and_an_edit_is_not_made(dashboard):
    assert edit(dashboard)[1].status_code == 302  # its message would be removed from the session
    with contextlib.closing(sqlite3.connect(dashboard.database)) as database, database:
        database.execute("UPDATE users_usersession SET seen_at = datetime(seen_at, '-2 minutes')")
    write = dashboard.plan("update", "")
    form = dashboard.open_form(write)
    with outages.locked(dashboard.database):
        assert shows_the_list(dashboard)
        assert dashboard.get(form[0]).status_code == 200
        answer = dashboard.send_form(*form)
    assert answer.status_code == 503
    assert "nothing was sent to Poster" in answer.text
    assert len(dashboard.sandbox.posts()) == 1
    assert dashboard.send_form(*form).status_code == 302


def test_what_was_written_down_and_not_sent_is_given_up_as_soon_as_that_can_be_written(installation):
    dashboard = installation(POSTER_WRITE_DEADLINE="30", POSTER_GRACE_SECONDS="15")
    write = dashboard.plan("update", "")
    form = dashboard.open_form(write)
    lock = outages.locked(dashboard.database)
    during(dashboard.sandbox, "clients.getGroup", lock.__enter__)
    answer = dashboard.send_form(*form)
    assert answer.status_code == 503
    assert dashboard.rows()[write.operation]["state"] == "pending"
    lock.__exit__(None, None, None)
    dashboard.wait_until_settled(10)
    row = dashboard.rows()[write.operation]
    assert (row["state"], row["reason"]) == ("failed", "never_sent")
    assert not dashboard.sandbox.posts()
    assert dashboard.send_form(*form[:1], form[1] | {"operation": str(uuid.uuid4())}).status_code == 302


def test_a_database_that_is_locked_after_the_send_makes_the_outcome_unknown_and_no_more(dashboard):
    write = dashboard.plan("update", "")
    form = dashboard.open_form(write)
    lock = outages.locked(dashboard.database)
    during(dashboard.sandbox, WRITE[write.action], lock.__enter__)
    answer = dashboard.send_form(*form)
    assert outcome_of(answer) == (504, "unknown")
    assert dashboard.rows()[write.operation]["state"] == "pending"
    lock.__exit__(None, None, None)
    dashboard.wait_until_settled(10)
    row = dashboard.rows()[write.operation]
    assert (row["state"], row["accepted"]) == ("applied", 1)
    assert len(dashboard.sandbox.posts()) == 1


@pytest.mark.thorough  # tests/groups/services/writes/test_unrecorded.py tries again without a server
def test_a_short_lock_after_the_send_is_waited_for(dashboard):
    write = dashboard.plan("create", "")
    form = dashboard.open_form(write)
    lock = outages.locked(dashboard.database)
    during(dashboard.sandbox, WRITE[write.action], lock.__enter__)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(dashboard.send_form, *form)
        wait_until(dashboard.sandbox.posts)
        time.sleep(2)  # its first attempt has failed
        lock.__exit__(None, None, None)
        assert answer.result().status_code == 302
    assert dashboard.rows()[write.operation]["state"] == "applied"


@pytest.mark.parametrize("seconds", [1.5, pytest.param(5.0, marks=pytest.mark.thorough)])
def test_a_job_waits_for_a_locked_database_and_goes_on(dashboard, seconds):
    """This includes an outage in which the stop of the job can still be recorded."""

    def trouble():
        with outages.locked(dashboard.database):
            assert "running" in {row["state"] for row in dashboard.table("groups_job")}
            time.sleep(seconds)

    assert moves_on(dashboard, trouble) == []


# --- The disk is full --------------------------------------------------------------------------------------


@pytest.mark.thorough  # as where the database is locked
@needs_root
def test_with_a_full_disk_pages_are_shown_and_an_edit_is_not_made(installation, disk):
    dashboard = installation(disk=disk.path)
    write = dashboard.plan("update", "")
    form = dashboard.open_form(write)
    disk.fill()
    assert shows_the_list(dashboard)
    assert dashboard.get("/history/").status_code == 200
    answer = dashboard.send_form(*form)
    assert answer.status_code == 503
    assert "nothing was sent to Poster" in answer.text
    assert shows_the_list(dashboard)
    assert not dashboard.sandbox.posts()
    disk.free()
    assert dashboard.send_form(*form).status_code == 302


@pytest.mark.thorough  # as where the database is locked
@needs_root
def test_a_job_waits_until_the_disk_has_room(installation, disk):
    dashboard = installation(disk=disk.path)

    def trouble():
        disk.fill()
        time.sleep(4)
        disk.free()

    assert moves_on(dashboard, trouble) == []


# --- Redis is away -----------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.needs("postgresql", "redis")
@pytest.mark.parametrize(("away", "back"), [("kill", "start"), ("freeze", "thaw")])
def test_without_redis_all_goes_on(installation, redis, away, back):
    dashboard = installation(CACHE_URL=redis.url)

    def trouble():
        getattr(redis, away)()
        began = time.monotonic()
        assert shows_the_list(dashboard)
        write, answer = edit(dashboard)
        assert answer.status_code == 302
        assert dashboard.rows()[write.operation]["state"] == "applied"
        time.sleep(max(4 - (time.monotonic() - began), 0))
        getattr(redis, back)()

    assert moves_on(dashboard, trouble) == []
    assert shows_the_list(dashboard)


# --- PostgreSQL is away ------------------------------------------------------------------------------------


@pytest.mark.thorough  # as where SQLite is locked
@pytest.mark.needs("postgresql", "redis")
def test_connections_to_postgresql_that_are_ended_hold_up_nothing(installation):
    with migrated_database(environment.POSTGRES_URL) as url:
        dashboard = installation(database_url=url)
        name = urlsplit(url).path.removeprefix("/")

        def trouble():
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            with psycopg.connect(environment.POSTGRES_URL, autocommit=True) as server:
                for _ in range(5):
                    server.execute(query, [name])
                    time.sleep(0.3)
            _, answer = edit(dashboard)
            assert answer.status_code == 302
            assert shows_the_list(dashboard)

        assert moves_on(dashboard, trouble) == []


@pytest.mark.thorough  # as where SQLite is locked
@pytest.mark.needs("postgresql", "redis")
def test_while_postgresql_is_away_nothing_is_sent_and_afterwards_all_goes_on(installation, way):
    with migrated_database(environment.POSTGRES_URL) as url:
        there = urlsplit(url)
        dashboard = installation(
            database_url=there._replace(netloc=f"postgres@127.0.0.1:{way.port}").geturl()
        )
        write = dashboard.plan("update", "")
        form = dashboard.open_form(write)
        way.cut()
        for _ in range(4):  # each waits for some seconds
            assert dashboard.get("/groups/").status_code == 503
        assert dashboard.send_form(*form).status_code == 503
        assert not dashboard.sandbox.posts()
        way.repair()
        # The first request afterwards is answered; the same form again is the same write.
        assert dashboard.send_form(*form).status_code == 302

        write = dashboard.plan("update", "")
        form = dashboard.open_form(write)
        during(dashboard.sandbox, WRITE[write.action], way.cut)
        answer = dashboard.send_form(*form)
        assert outcome_of(answer) == (504, "unknown")
        way.repair()
        dashboard.wait_until_settled(20)
        assert dashboard.rows()[write.operation]["state"] == "applied"
        assert len(dashboard.sandbox.posts()) == 2

        def trouble():
            way.cut()
            time.sleep(4)
            way.repair()

        assert moves_on(dashboard, trouble) == []
