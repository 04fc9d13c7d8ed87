"""Test `manage.py copy_database`: users and their tokens arrive unchanged, and only once."""

import fcntl
import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.support.databases import migrated
from tests.support.installation import Installation
from tests.support.processes import run_python

MAKE = """
from django.contrib.auth.models import User
from groups.models import PosterAccount, PosterCredentials
for name in ("staff", "owner"):
    user = User.objects.create_user(name, password="a-password-for-tests")
    account, _ = PosterAccount.objects.get_or_create(name="demo")
    credentials = PosterCredentials(user=user, account=account)
    credentials.set_token(name[0] * 20)
    credentials.save()
"""


def tokens(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT user_id, token FROM groups_postercredentials").fetchall()


def test_an_address_that_is_none_is_one_line():
    with pytest.raises(CommandError) as raised:
        call_command("copy_database", "postgres://loyalty:p@ss/w#rd@127.0.0.1/loyalty")
    (line,) = str(raised.value).splitlines()
    assert line.startswith("The address given is not the address of a database")
    assert "w#rd" not in line


def test_the_options_of_the_address_count():
    copied = run_python("manage.py", "copy_database", "postgres://loyalty@127.0.0.1:9/loyalty?sslmode=strict")
    assert copied.stderr.startswith("CommandError: The database given: ")
    assert 'invalid sslmode value: "strict"' in copied.stderr


def test_everything_is_copied_once(tmp_path):
    installation = Installation(tmp_path)
    old, new = tmp_path / "db.sqlite3", tmp_path / "new.sqlite3"
    shutil.copy(migrated(), old)
    shutil.copy(migrated(), new)
    copy = (["copy_database", f"sqlite:///{new}"], "")
    with (tmp_path / "db.sqlite3.in-use").open("a") as served:
        fcntl.flock(served, fcntl.LOCK_SH)
        made, refused = installation.outputs((["shell", "-v", "0", "-c", MAKE], ""), copy)
    assert (made[0], refused[0], "Stop the server" in refused[1]) == (0, 1, True), (made, refused)
    itself, copied, again = installation.outputs((["copy_database", f"sqlite:///{old}"], ""), copy, copy)
    assert (itself[0], "DATABASE_URL itself" in itself[1]) == (1, True)
    assert copied[0] == 0, copied
    assert len(tokens(old)) == 2
    assert tokens(new) == tokens(old)
    assert (again[0], "already" in again[1]) == (1, True)


@pytest.mark.thorough  # as by `manage.py migrate`; that takes longer than all the rest
def test_a_new_database_is_migrated_first(tmp_path):
    shutil.copy(migrated(), tmp_path / "db.sqlite3")
    new = tmp_path / "new.sqlite3"
    made, copied = Installation(tmp_path).outputs(
        (["shell", "-v", "0", "-c", MAKE], ""), (["copy_database", f"sqlite:///{new}"], "")
    )
    assert (made[0], copied[0]) == (0, 0), (made, copied)
    assert len(tokens(new)) == 2


# Everything is copied above; this one takes seconds to measure.
@pytest.mark.thorough
def test_a_large_table_is_never_in_memory_as_a_whole(tmp_path):
    # Print the most memory of the process. `ru_maxrss` would be that of the tests, if they have had more.
    program = (
        "import sys; from django.core.management import execute_from_command_line; from pathlib import Path;"
        "execute_from_command_line(sys.argv); print(Path('/proc/self/status').read_text())"
    )
    most = []
    for count in (0, 4000):
        old, new = tmp_path / f"old {count}.sqlite3", tmp_path / f"new {count}.sqlite3"
        shutil.copy(migrated(), old)
        shutil.copy(migrated(), new)
        with closing(sqlite3.connect(old)) as database, database:
            rows = ((str(number), "x" * 10_000, "2026-01-01") for number in range(count))
            database.executemany("INSERT INTO django_session VALUES (?, ?, ?)", rows)
        copied = run_python(
            "-c", program, "copy_database", f"sqlite:///{new}", DATABASE_URL=f"sqlite:///{old}"
        )
        assert f"sessions.Session: {count}\n" in copied.stdout
        most.append(int(re.search(r"VmHWM:\s+(\d+) kB", copied.stdout)[1]) // 1000)
    assert most[1] - most[0] < 25, "The table has 40 MB."
