"""Test `manage.py copy_database`: users and their tokens arrive unchanged, and only once."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

from tests.environment import ROOT, inherited
from tests.services import migrated


def run(*words, **environment):
    command = [sys.executable, *words]
    environment = {**inherited(), "DJANGO_SETTINGS_MODULE": "poster_admin.settings", **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def tokens(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT user_id, token FROM groups_postercredentials").fetchall()


def test_an_address_that_is_none_is_one_line(tmp_path):
    here = {"DATABASE_URL": f"sqlite:///{tmp_path}/old.sqlite3"}
    said = run("manage.py", "copy_database", "postgres://loyalty:p@ss/w#rd@127.0.0.1/loyalty", **here)
    assert said.returncode == 1
    (line,) = said.stderr.splitlines()
    assert line.startswith("CommandError: The address given is not the address of a database")
    assert "w#rd" not in line


def test_everything_is_copied_once(tmp_path):
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    here = {"DATABASE_URL": f"sqlite:///{old}"}
    shutil.copy(migrated(), old)
    assert run("-m", "tests.benchmarks.setup.people", "demo", **here).returncode == 0
    copied = run("manage.py", "copy_database", f"sqlite:///{new}", **here)
    assert copied.returncode == 0, copied.stderr
    assert tokens(new) == tokens(old)
    again = run("manage.py", "copy_database", f"sqlite:///{new}", **here)
    assert again.returncode == 1
    assert "already" in again.stderr
