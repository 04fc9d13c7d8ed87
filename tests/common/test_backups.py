"""Test backups: they are written while the server runs, and a restored one lets people sign in again."""

import fcntl
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
import requests
from cryptography.fernet import Fernet
from django.core.management.base import CommandError

from poster_admin.common import backups
from poster_admin.common.management.commands import restore as restoring
from tests.support import environment
from tests.support.dashboard.killing import wait_until
from tests.support.databases import empty_database, made_once, migrated, migrated_database
from tests.support.installation import Installation
from tests.support.ports import free_port

pytestmark = pytest.mark.slow
PASSWORD = "a-password-for-tests"
MAKE = """
from django.contrib.auth.models import User
from groups.models import PosterAccount, PosterCredentials
user = User.objects.create_user({name!r}, password={password!r})
account, _ = PosterAccount.objects.get_or_create(name="demo")
credentials = PosterCredentials(user=user, account=account)
credentials.set_token("t" * 20)
credentials.save()
"""
CHANGE = """
from django.contrib.auth.models import User
user = User.objects.get(username="early")
user.set_password("another-password")
user.save()
"""
NAMES = "SELECT username FROM auth_user ORDER BY username"


@pytest.fixture(scope="session")
def original():
    """Return a folder with the database of a user who is connected to Poster, its keys, and a backup of it.

    One process of a run makes them for all.
    """
    with made_once("original") as (path, is_new):
        if is_new:
            new = path.with_suffix(".new")
            made = Installation(new / "installation")
            shutil.copy(migrated(), made.directory / "db.sqlite3")
            run(made, MAKE.format(name="early", password=PASSWORD))
            shutil.copy(back_up(made), new / "early.backup")
            shutil.copy(made.directory / "db.sqlite3", new)
            (new / "values.json").write_text(json.dumps(made.values), encoding="utf-8")
            new.rename(path)
    return path


@pytest.fixture
def on_sqlite(tmp_path, original):
    """Return a copy of the original installation, without its backup."""
    made = Installation(tmp_path)
    values = json.loads((original / "values.json").read_text(encoding="utf-8"))
    made.values = values | {"DATABASE_URL": made.values["DATABASE_URL"]}
    made.write(made.values)
    shutil.copy(original / "db.sqlite3", tmp_path)
    yield made
    made.stop()


@pytest.fixture
def file(on_sqlite, original):
    """Return a backup of the installation."""
    return shutil.copy(original / "early.backup", on_sqlite.directory)


@pytest.fixture
def good(on_sqlite, original):
    """Return the path of a backup among those of the installation."""
    folder = on_sqlite.directory / "backups"
    folder.mkdir()
    return str(shutil.copy(original / "early.backup", folder / f"poster-admin-1{backups.engine().suffix}"))


@pytest.fixture
def on_postgresql(tmp_path):
    made = Installation(tmp_path)
    with migrated_database(environment.POSTGRES_URL) as url:
        made.values["DATABASE_URL"] = url
        made.write(made.values)
        run(made, MAKE.format(name="early", password=PASSWORD))
        yield made
        made.stop()


# The test below that restores PostgreSQL stays in `make test`.
ON_POSTGRESQL = pytest.param(
    "on_postgresql", marks=[pytest.mark.needs("postgresql", "redis"), pytest.mark.thorough]
)


@pytest.fixture(params=["on_sqlite", ON_POSTGRESQL])
def installation(request):
    return request.getfixturevalue(request.param)


def run(installation, code):
    status, said = installation.output("shell", "-v", "0", "-c", code)
    assert status == 0, said
    return said


def names_in(installation):
    """Return the names of all users in the database."""
    url = installation.values["DATABASE_URL"]
    if url.startswith("postgres:"):
        with psycopg.connect(url) as database:
            return [name for (name,) in database.execute(NAMES)]
    with closing(sqlite3.connect(installation.directory / "db.sqlite3")) as database:
        return [name for (name,) in database.execute(NAMES)]


def rename(installation, name):
    """Give the only user another name in the SQLite database."""
    with closing(sqlite3.connect(installation.directory / "db.sqlite3")) as database, database:
        database.execute("UPDATE auth_user SET username = ?", [name])


def back_up(installation, *options):
    status, said = installation.output("backup", f"{installation.directory}/backups", *options)
    assert status == 0, said
    return said.splitlines()[0]


def refused(installation, *tries):
    """Try to restore files, each with an answer on standard input; return what each try said.

    The database must be as before afterwards.
    """
    before = names_in(installation)
    tried = installation.outputs(*((("restore", str(file)), f"{answer}\n") for file, answer in tries))
    assert [status for status, _ in tried] == [1] * len(tries), tried
    assert names_in(installation) == before
    return [said for _, said in tried]


def restore(installation, file, answer="yes", **variables):
    """Run the command with an answer on standard input; return its code and everything it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", "restore", file],
        cwd=installation.directory,
        env=installation.environment(variables),
        input=f"{answer}\n" if answer else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def served(installation):
    """Start a server, and return the process and the address once it answers."""
    port = free_port()
    process = installation.start("serve", PORT=str(port), WORKERS="1", JOB_WORKERS="0")
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(url), 0.2, 120)
    return process, url


def answers(url):
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def is_locked(path):
    """Return True if another process holds the lock of a file."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stop(process):
    process.terminate()
    process.communicate(timeout=60)


def signs_in(url, name, password):
    """Return True if the sign-in page takes the name and the password."""
    with requests.Session() as session:
        page = session.get(f"{url}/accounts/login/", timeout=20).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"csrfmiddlewaretoken": token, "username": name, "password": password}
        answer = session.post(f"{url}/accounts/login/", form, timeout=20, allow_redirects=False)
        return answer.status_code == 302


@pytest.mark.thorough  # with servers; `make test` restores where there are none
def test_a_backup_of_a_running_server_lets_people_sign_in_again(installation):
    installation.take_static_files()
    process, url = served(installation)
    file = back_up(installation)
    late = MAKE.format(name="late", password=PASSWORD) + CHANGE
    (changed, _), (status, said) = installation.outputs(
        (["shell", "-v", "0", "-c", late], ""), (["restore", file], "yes\n")
    )
    assert (changed, status) == (0, 1)
    assert not signs_in(url, "early", PASSWORD)
    assert re.fullmatch(r"CommandError: The database is in use: .+ Stop the server, .+ first\.\n", said)
    assert names_in(installation) == ["early", "late"]

    stop(process)
    status, said = restore(installation, file)
    assert status == 0, said
    assert "Stored secrets that POSTER_TOKEN_KEYS open: 1 of 1." in said
    assert "System check identified no issues" in said
    assert names_in(installation) == ["early"]

    process, url = served(installation)
    assert signs_in(url, "early", PASSWORD)
    assert not signs_in(url, "late", PASSWORD)
    stop(process)


@pytest.mark.thorough
def test_a_restore_is_refused_while_a_worker_runs(on_sqlite, file):
    worker = on_sqlite.start("worker")
    in_use = on_sqlite.directory / "db.sqlite3.in-use"
    wait_until(lambda: in_use.exists() and is_locked(in_use), 0.05, 120)
    assert "is in use" in restore(on_sqlite, file, "no")[1]
    assert names_in(on_sqlite) == ["early"]
    stop(worker)


def test_ctrl_c_at_the_question_is_a_no(monkeypatch):
    class Keyboard:
        def readline(self):
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Keyboard())
    with pytest.raises(CommandError, match=r"^Nothing was restored\.$"):
        restoring.Command().ask_to_go_on()


def test_the_newest_backups_are_kept_for_their_owner_alone_and_nothing_else_is_deleted(on_sqlite):
    folder = on_sqlite.directory / "a" / "b"
    backup = (["backup", str(folder)], "")
    ((status, first),) = on_sqlite.outputs(backup)
    # The path is the only word of the command.
    assert (status, first) == (0, f"{next(folder.iterdir())}\n")
    assert next(folder.iterdir()).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    other = shutil.copy(on_sqlite.directory / "db.sqlite3", folder / "by-hand.sqlite3")
    # The remains of a killed one are deleted; the file that another one is writing stays.
    names = ("sqlite3.part", "sqlite3.part-journal", "dump.part")
    killed, written = ([folder / f".poster-admin-{day}.{name}" for name in names] for day in (1, 2))
    for path in (*killed, *written):
        path.touch()
    for path in killed:
        os.utime(path, (time.time() - 7 * 3600,) * 2)
    two, none = ((["backup", str(folder), "--keep", keep], "") for keep in ("2", "0"))
    (_, second), (_, third), (status, said) = on_sqlite.outputs(backup, two, none)
    third, *deleted = third.splitlines()
    assert deleted == [f"Deleted {first.strip()}"]
    assert sorted(map(str, folder.iterdir())) == sorted(
        [str(other), second.strip(), third, *map(str, written)]
    )
    assert (status, "--keep is less than 1" in said) == (1, True)


def test_one_that_somebody_has_named_is_not_deleted_as_an_old_one(tmp_path):
    suffix = backups.engine().suffix
    stamped = [f"poster-admin-2025-01-0{day}-030000-000000{suffix}" for day in (1, 2, 3)]
    named = f"poster-admin-before-the-move{suffix}"
    for name in (*stamped, named):
        (tmp_path / name).touch()
    assert backups.delete_old(tmp_path, 2) == [tmp_path / stamped[0]]


def test_old_ones_that_two_delete_at_once_are_no_error(tmp_path):
    suffix = backups.engine().suffix
    names = [f"poster-admin-2025-{number:03}{suffix}" for number in range(500)]
    for name in names:
        (tmp_path / name).touch()
    both = threading.Barrier(2)

    def delete(_):
        both.wait()
        return backups.delete_old(tmp_path, 2)

    with ThreadPoolExecutor(2) as pool:
        assert any(list(pool.map(delete, range(2))))
    assert sorted(path.name for path in tmp_path.iterdir()) == names[-2:]


def test_keys_that_open_nothing_are_named_before_the_question(on_sqlite, file):
    new = Fernet.generate_key().decode()
    status, said = restore(on_sqlite, file, "no", POSTER_TOKEN_KEYS=new)
    assert status == 1
    assert said.startswith(
        "Stored secrets that POSTER_TOKEN_KEYS open: 0 of 1; not: groups.postercredentials 1. "
        "Keys that open none, by their place: 1 of 1.\n"
    )
    both = f"{new},{on_sqlite.values['POSTER_TOKEN_KEYS']}"
    _, said = restore(on_sqlite, file, "no", POSTER_TOKEN_KEYS=both)
    assert said.startswith(
        "Stored secrets that POSTER_TOKEN_KEYS open: 1 of 1. Keys that open none, by their place: 1 of 2.\n"
    )


# On a second database; SQLite has it in `make test`.
@pytest.mark.thorough
@pytest.mark.needs("postgresql", "redis")
def test_a_backup_of_postgresql_is_held_against_the_keys_and_replaces_newer_tables(on_postgresql):
    """A table that the backup lacks has to go: the next migration that makes it would fail."""
    file = back_up(on_postgresql)
    url = on_postgresql.values["DATABASE_URL"]
    # As a killed restore leaves it: the whole database as text.
    killed = on_postgresql.directory / "var" / "restore-killed"
    killed.mkdir(parents=True)
    (killed / "script.sql").touch()
    with psycopg.connect(url) as database:
        database.execute("CREATE TABLE newer (id int)")
    _, said = restore(on_postgresql, file, "no", POSTER_TOKEN_KEYS=Fernet.generate_key().decode())
    assert said.startswith(
        "Stored secrets that POSTER_TOKEN_KEYS open: 0 of 1; not: groups.postercredentials 1. "
    )
    assert restore(on_postgresql, file)[0] == 0
    assert not killed.exists()
    with psycopg.connect(url) as database:
        assert database.execute("SELECT to_regclass('newer'), to_regclass('auth_user')").fetchone() == (
            None,
            "auth_user",
        )
    os.truncate(file, 20_000)
    foreign = f"{file}.foreign"
    subprocess.run(["pg_dump", "--format=custom", "--table=auth_user", f"--file={foreign}", url], check=True)
    for said in refused(on_postgresql, (file, "yes"), (foreign, "yes")):
        assert len(said.splitlines()) == 1, said


@pytest.mark.once
def test_without_the_programs_of_postgresql_one_line_says_what_brings_them(tmp_path):
    """The image has none of them, and Debian's are of one version."""
    bare = {"PATH": str(tmp_path), "DATABASE_URL": "postgres://poster_admin:it@127.0.0.1:1/poster_admin"}
    status, said = Installation(tmp_path).output("backup", str(tmp_path / "backups"), **bare)
    (line,) = said.splitlines()
    assert status == 1
    assert line.startswith("CommandError: pg_dump is not installed. Debian has it in postgresql-client")
    assert list((tmp_path / "backups").iterdir()) == []


def test_without_a_typed_yes_or_from_a_file_that_is_not_right_nothing_is_restored(on_sqlite, file):
    """A file of another version, damaged, foreign or missing is one line."""
    new, short = (shutil.copy(file, on_sqlite.directory / name) for name in ("new", "short"))
    with closing(sqlite3.connect(new)) as database, database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('groups', 'x', '2030-01-01')"
        )
    os.truncate(short, 20_000)
    foreign = on_sqlite.directory / "foreign"
    foreign.write_bytes(b"PGDMQ" + b"x" * 100)
    other = on_sqlite.directory / "of-another-program.sqlite3"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE songs (name text)")
    rename(on_sqlite, "late")
    answers = ("", "no", "y", "YES")
    wrong = (new, short, foreign, other, on_sqlite.directory / "missing", on_sqlite.directory)
    told = refused(on_sqlite, *((file, answer) for answer in answers), *((path, "yes") for path in wrong))
    for said in told[: len(answers)]:
        assert said.splitlines()[-1].endswith("CommandError: Nothing was restored.")
    for said in told[len(answers) :]:
        assert len(said.splitlines()) == 1, said
        assert said.startswith("CommandError: ")
    assert "made by a newer version of the dashboard" in told[len(answers)]
    assert names_in(on_sqlite) == ["late"]


def test_the_log_beside_the_old_database_does_not_bring_its_rows_back(on_sqlite, file):
    """A killed process leaves it; SQLite would read it into whatever database lies beside it."""
    database = on_sqlite.directory / "db.sqlite3"
    with closing(sqlite3.connect(database)) as held:
        held.execute("PRAGMA journal_mode=WAL")
        held.execute("UPDATE auth_user SET username = 'late'")
        held.commit()
        log = (database.with_name("db.sqlite3-wal")).read_bytes()
    # As after a power failure: the log holds what the database does not.
    database.write_bytes(b"not a database " * 10_000)
    database.with_name("db.sqlite3-wal").write_bytes(log)
    database.with_name("db.sqlite3-shm").write_bytes(b"\0" * 32768)
    assert restore(on_sqlite, file)[0] == 0
    assert names_in(on_sqlite) == ["early"]
    assert database.stat().st_mode & 0o777 == 0o600


@pytest.mark.thorough  # a further kill
def test_the_log_that_a_killed_restore_has_left_brings_no_rows_back(on_sqlite, file):
    other = shutil.copy(file, on_sqlite.directory / "other")
    with closing(sqlite3.connect(other)) as held:
        held.execute("PRAGMA journal_mode=WAL")
        held.execute("UPDATE auth_user SET username = 'other'")
        held.commit()
        shutil.copy(f"{other}-wal", on_sqlite.directory / ".db.sqlite3.restored-wal")
    assert restore(on_sqlite, file)[0] == 0
    assert names_in(on_sqlite) == ["early"]


@pytest.mark.thorough
def test_a_copy_of_the_bare_files_is_restored_with_its_last_writes(on_sqlite):
    database = on_sqlite.directory / "db.sqlite3"
    with closing(sqlite3.connect(database)) as held:
        held.execute("PRAGMA journal_mode=WAL")
        held.execute("UPDATE auth_user SET username = 'last'")
        held.commit()
        for suffix in ("", "-wal"):
            shutil.copy(f"{database}{suffix}", f"{on_sqlite.directory}/copy{suffix}")
    rename(on_sqlite, "later")
    assert restore(on_sqlite, f"{on_sqlite.directory}/copy")[0] == 0
    assert names_in(on_sqlite) == ["last"]


def test_a_database_that_another_program_has_open_is_not_replaced(on_sqlite, file):
    with closing(sqlite3.connect(on_sqlite.directory / "db.sqlite3")) as other:
        other.execute("SELECT count(*) FROM auth_user").fetchone()
        other.execute("BEGIN IMMEDIATE")
        status, said = restore(on_sqlite, file)
    assert (status, said.count("another process has it open")) == (1, 1)


@pytest.mark.thorough
def test_a_server_does_not_start_while_a_backup_is_being_restored(on_sqlite, file):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "restore", file],
        cwd=on_sqlite.directory,
        env=on_sqlite.environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        while "for good" not in process.stdout.readline():
            assert process.poll() is None
        said = on_sqlite.outputs((["serve"], ""), (["worker"], ""), PORT=str(free_port()))
        assert said == [(1, "CommandError: A backup is being restored. Start again when that is done.\n")] * 2
        process.stdin.write("yes\n")
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0


def empty(database):
    database.write_bytes(b"")


def foreign(database):
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE songs (name text)")


def damaged(database):
    with database.open("r+b") as file:
        file.seek(40_000)
        file.write(b"x" * 40_000)


def of_a_newer_version(database):
    with closing(sqlite3.connect(database)) as newer, newer:
        newer.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('groups', 'x', '2030-01-01')"
        )


@pytest.mark.parametrize(
    "spoil",
    [
        empty,
        *(pytest.param(each, marks=pytest.mark.thorough) for each in (foreign, damaged, of_a_newer_version)),
    ],
)
def test_what_a_restore_would_refuse_is_no_backup_and_costs_no_good_one(on_sqlite, good, spoil):
    spoil(on_sqlite.directory / "db.sqlite3")
    status, said = on_sqlite.output("backup", f"{on_sqlite.directory}/backups", "--keep", "1")
    assert (status, len(said.splitlines())) == (1, 1), said
    assert f"{on_sqlite.directory}/db.sqlite3" in said
    assert list(map(str, (on_sqlite.directory / "backups").iterdir())) == [good]


def test_a_database_of_nobody_costs_no_good_backup(on_sqlite, good):
    """One that a server has made at a mistyped address is whole, and empty."""
    shutil.copy(migrated(), on_sqlite.directory / "db.sqlite3")
    status, said = on_sqlite.output("backup", f"{on_sqlite.directory}/backups", "--keep", "1")
    new, warning = said.splitlines()
    assert (status, warning) == (0, "Nobody is in this database yet: older backups are kept.")
    assert sorted(map(str, (on_sqlite.directory / "backups").iterdir())) == [good, new]


@pytest.mark.thorough  # SQLite has it in `make test`
@pytest.mark.needs("postgresql", "redis")
def test_an_empty_database_of_postgresql_is_no_backup_and_costs_no_good_one(on_postgresql):
    good = back_up(on_postgresql)
    with empty_database(environment.POSTGRES_URL) as url:
        folder = f"{on_postgresql.directory}/backups"
        status, said = on_postgresql.output("backup", folder, "--keep", "1", DATABASE_URL=url)
    assert status == 1
    assert re.fullmatch(
        r"CommandError: the database \w+ on 127.0.0.1 is empty or of something else: .+\n", said
    )
    assert list(map(str, (on_postgresql.directory / "backups").iterdir())) == [good]


@pytest.mark.thorough  # as the doctor below
def test_no_command_makes_a_database_at_a_mistyped_address(tmp_path):
    commands = (
        "check --database default",
        "audit_history",
        "reconcile",
        "prune",
        "rotate_tokens",
        "createsuperuser --noinput --username a --email a@example.com",
        "showmigrations",
    )
    installation = Installation(tmp_path)
    for status, said in installation.outputs(*((command.split(), "") for command in commands)):
        assert (status, "unable to open database file" in said) == (1, True), said
    assert list(tmp_path.glob("*.sqlite3")) == []


def test_the_doctor_names_the_database_that_is_not_there_and_no_backup_is_made_of_it(tmp_path):
    backup, doctor, check = Installation(tmp_path).outputs(
        (["backup", f"{tmp_path}/backups"], ""), (["doctor"], ""), (["check"], "")
    )
    assert check[0] == 0  # it may be asked before the first start
    place = tmp_path / "db.sqlite3"
    assert backup == (
        1, f"CommandError: Nothing was backed up from {place}: unable to open database file.\n"
    )  # fmt: skip
    assert list((tmp_path / "backups").iterdir()) == []
    first = f"FAILS   database    there is no file {place}: a start makes one, or manage.py migrate"
    assert (doctor[0], doctor[1].splitlines()[0]) == (1, first)
    assert "unable to open database file" in doctor[1]
    assert list(tmp_path.glob("*.sqlite3")) == []
