"""Test which real errors count as an outage, and how work goes on during one."""

import errno
import sqlite3
import time
import uuid
from types import SimpleNamespace

import psycopg
import pytest
import redis
from django.core.cache import cache
from django.core.cache.backends.filebased import FileBasedCache
from django.db import (
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.utils import DatabaseErrorWrapper
from django.utils import timezone

from groups.models import Change, GroupsCopy, PosterAccount
from groups.services import credentials as credentials_service
from groups.services import gateway
from groups.services import groups as reads
from groups.services.groups import list_groups
from groups.services.writes import execute as write_path
from groups.services.writes.submissions import NotRecorded
from poster_admin.common import outages
from poster_admin.common.outages import Outage, is_outage, optional
from poster_admin.users import security_log
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support import environment
from tests.support import outages as real
from tests.support.commands import before_the_read, edit_of
from tests.support.ports import free_port

State = Change.State


@pytest.fixture(autouse=True)
def _each_on_its_own(monkeypatch):
    """Ask a cache that failed again at once, and forget the steps that are left after a test."""
    monkeypatch.setattr(outages, "SHARED_REST", 0.0)
    yield
    write_path._left.clear()


@pytest.fixture
def locked(transactional_db, monkeypatch):
    """Return a function that lets another process lock this database, for which nothing waits long."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL is not locked as a whole")
    options = connection.settings_dict["OPTIONS"]
    usual, options["timeout"] = options["timeout"], 0.2
    monkeypatch.setattr(outages, "MAX_WAIT", 0.05)
    connections.close_all()
    yield lambda: real.locked(connection.settings_dict["NAME"])
    options["timeout"] = usual
    connections.close_all()


@pytest.fixture
def disk(tmp_path):
    if not real.can_mount():
        pytest.skip("NOT RUN: a full disk needs root")
    disk = real.Disk(tmp_path, megabytes=1)
    yield disk
    disk.close()


# --- Outages and programming errors ------------------------------------------------------------------------


def error_of(ask, library):
    """Return the error of a query as Django raises it."""
    wrapper = SimpleNamespace(Database=library, errors_occurred=False)
    with pytest.raises(Exception) as caught, DatabaseErrorWrapper(wrapper):  # noqa: PT011 - whichever it is
        ask()
    return caught.value


def test_of_sqlite_a_locked_and_a_full_database_are_and_a_mistake_is_not(tmp_path):
    path = tmp_path / "db.sqlite3"
    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    database.execute("CREATE TABLE thing (name text UNIQUE NOT NULL)")

    def is_one(statement):
        return is_outage(error_of(lambda: database.execute(statement), sqlite3))

    with real.locked(path):
        assert is_one("INSERT INTO thing VALUES ('locked')")
    database.execute("PRAGMA max_page_count = 4")
    assert is_one("INSERT INTO thing VALUES (hex(randomblob(100000)))")
    assert not is_one("SELECT * FROM nothing")
    assert not is_one("SELECT nothing FROM thing")
    assert not is_one("INSERT INTO thing VALUES (NULL)")
    database.close()
    assert is_outage(error_of(lambda: sqlite3.connect(tmp_path / "no" / "db.sqlite3"), sqlite3))


@pytest.mark.needs("postgresql", "redis")
@pytest.mark.parametrize(
    ("statement", "is_one"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
        ("SET statement_timeout = 1; SELECT pg_sleep(1)", True),
        ("SELECT * FROM nothing", False),
        ("SELECT 1/0", False),
        ("CREATE TEMPORARY TABLE thing (id int UNIQUE); INSERT INTO thing VALUES (1), (1)", False),
    ],
)
def test_of_postgresql_a_lost_connection_is_and_a_mistake_is_not(statement, is_one):
    with psycopg.connect(environment.POSTGRES_URL) as server:
        assert is_outage(error_of(lambda: server.execute(statement), psycopg)) is is_one
        server.close()


def test_a_redis_that_is_not_there_is_one():
    client = redis.Redis(port=free_port(), retry=None)
    with pytest.raises(redis.ConnectionError) as caught:
        client.get("key")
    assert is_outage(caught.value)


def test_a_full_disk_is_one_and_a_missing_file_is_not(disk):
    disk.fill()
    with pytest.raises(OSError, match="No space") as caught:
        (disk.path / "file").write_bytes(bytes(10_000))
    assert caught.value.errno == errno.ENOSPC
    assert is_outage(caught.value)
    assert not is_outage(FileNotFoundError(errno.ENOENT, "no such file"))


@pytest.mark.django_db
def test_a_cache_whose_files_are_of_root_is_left_alone(staff, sandbox, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(reads, "cache", SimpleNamespace(get=refuse, set=refuse, add=refuse))
    assert len(reads.list_groups(credentials_service.credentials_of(staff)).groups) == 3


@pytest.mark.parametrize(
    "error", [ValueError(), KeyError(), ProgrammingError(), IntegrityError(), RuntimeError()]
)
def test_a_mistake_of_ours_is_none(error):
    assert not is_outage(error)
    with pytest.raises(type(error)):
        outages.ask_shared(lambda: _raise(error), None)


def _raise(error):
    raise error


@pytest.mark.django_db(transaction=True)
def test_a_mistake_is_never_left_out():
    with pytest.raises(ProgrammingError), optional("something"):
        raise ProgrammingError


# --- The cache and the semaphore ---------------------------------------------------------------------------


def test_a_cache_that_failed_is_left_alone_for_a_moment(monkeypatch):
    monkeypatch.setattr(outages, "SHARED_REST", 0.3)
    calls = []

    def ask():
        calls.append(1)
        raise redis.TimeoutError

    for _ in range(3):
        assert outages.ask_shared(ask, "nothing") == "nothing"
    assert len(calls) == 1
    time.sleep(0.3)
    assert outages.ask_shared(lambda: "there", "nothing") == "there"


@pytest.mark.django_db
def test_with_a_full_disk_the_list_is_read_without_the_cache(staff, sandbox, disk, settings, monkeypatch):
    full = FileBasedCache(str(disk.path / "cache"), {})
    monkeypatch.setattr(reads, "cache", full)
    disk.fill()
    assert len(list_groups(credentials_service.credentials_of(staff)).groups) == 3


# --- Pages -------------------------------------------------------------------------------------------------


def test_the_last_good_copy_is_left_out(staff, sandbox, locked):
    credentials = credentials_service.credentials_of(staff)
    with locked():
        assert len(list_groups(credentials).groups) == 3
    assert not GroupsCopy.objects.exists()


def test_the_breaker_and_a_refused_token_are_left_out(staff, sandbox, locked, monkeypatch):
    list_groups(credentials_service.credentials_of(staff))
    cache.clear()
    monkeypatch.setattr(gateway, "SLOW", 0.0)
    with locked():
        sandbox.script("*", "fin_before_headers", times=2)
        assert list_groups(credentials_service.credentials_of(staff), fresh=True).failure
        sandbox.script("*", "error_object", code=12)
        with pytest.raises(Exception, match="refused"):
            list_groups(credentials_service.credentials_of(staff), fresh=True)
    assert PosterAccount.objects.get().failing_since is None


def test_the_security_log_stops_nothing(staff, locked, caplog):
    with locked():
        security_log.record(EventKind.SNAPSHOT_READ, user=staff, detail="demo group:4")
    assert "snapshot_read user='staff'" in caplog.text
    assert not SecurityEvent.objects.filter(kind=EventKind.SNAPSHOT_READ).exists()


def test_optional_work_is_left_out_while_sqlite_cannot_be_opened(locked, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", tmp_path / "nowhere" / "db.sqlite3")
        with optional("a part of something"):
            PosterAccount.objects.exists()
            pytest.fail("there is no database")
    assert not PosterAccount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_nothing_is_left_out():
    with pytest.raises(Outage), transaction.atomic(), optional("a part of something"):
        raise Outage


def test_a_page_that_needs_the_database_is_503_in_words_and_one_line_of_the_log(browse, locked, caplog):
    client = browse(raise_request_exception=False)
    with locked():
        answer = client.post("/accounts/login/", {"username": "staff", "password": "wrong"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "database" in answer.content.decode()
    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert line.getMessage() == "Service Unavailable: /accounts/login/: OperationalError: database is locked"
    assert not line.exc_info


@pytest.mark.django_db
def test_a_mistake_of_ours_is_a_500_with_its_traceback_in_the_log(
    staff, browse, sandbox, monkeypatch, caplog
):
    monkeypatch.setattr("groups.views.groups.history.latest_of", lambda *_: 1 / 0)
    answer = browse(staff, raise_request_exception=False).get("/groups/1/")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in caplog.text


# --- Writes ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_attempt_closes_no_row_of_another_one_with_the_same_operation(staff, sandbox):
    first = Change(id=uuid.uuid4(), account_id="demo", action="update", target="group:1")
    second = Change(id=first.pk, account_id="demo", action="update", target="group:1", sent_at=timezone.now())
    second.save()
    write_path._close_unsent(first)
    assert Change.objects.get().state == State.PENDING
    write_path._close_unsent(second)
    assert Change.objects.get().state == State.FAILED


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_has_settled_meanwhile_is_left_as_it_is(staff, sandbox, monkeypatch):
    def away(*_args, **_values):
        raise Outage

    with monkeypatch.context() as patch:
        patch.setattr(write_path, "settle", away)
        patch.setattr(write_path, "PAUSE", 60.0)
        change = write_path.execute(edit_of(staff, name="Гості"))
    assert (change.state, change.reason) == (State.UNKNOWN, "not_written")
    row = Change.objects.get()
    assert row.state == State.PENDING
    Change.objects.settle(row, state=State.REVIEW)
    calls = len(sandbox.calls())
    write_path.catch_up()
    assert not write_path._left
    assert Change.objects.get().state == State.REVIEW
    assert len(sandbox.calls()) == calls


@pytest.mark.django_db
def test_a_mistake_while_catching_up_leaves_the_others_their_turn(staff, sandbox, caplog):
    change = Change(account_id="demo", action="update", target="group:1", sent_at=timezone.now())
    change.save()
    taken = []
    for step in (lambda: 1 / 0, lambda: taken.append(1)):
        write_path._left.append((change, step))
    write_path.catch_up()
    assert taken == [1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.django_db
def test_a_mistake_while_settling_is_no_outage(staff, sandbox, monkeypatch):
    monkeypatch.setattr(write_path, "settle", lambda *_args, **_values: _raise(ProgrammingError()))
    with pytest.raises(ProgrammingError):
        write_path.execute(edit_of(staff, name="Гості"))
    assert not write_path._left


@pytest.mark.django_db(transaction=True)
def test_what_took_too_long_to_write_down_is_not_sent(staff, sandbox, settings, monkeypatch):
    settings.POSTER_WRITE_DEADLINE = 0.5
    before_the_read(monkeypatch, lambda _command, _change: time.sleep(0.3))
    with pytest.raises(NotRecorded):
        write_path.execute(edit_of(staff, name="Гості"))
    assert not sandbox.posts()
    assert Change.objects.get().reason == "never_sent"
