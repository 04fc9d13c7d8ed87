"""A backup that is put back by the steps of the operations page is what is there afterwards."""

import contextlib
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys

from tests.environment import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def steps():
    """Return the commands of the page by which a backup is put back."""
    (block,) = re.findall(r"```sh\n(systemctl stop .*?)```", PAGE, flags=re.DOTALL)
    return block.splitlines()


def rows(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM t")]


def die_with_a_journal(database):
    """Write a row and die, so that it stands in the file beside the database alone."""
    program = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA journal_mode=WAL')\n"
        "connection.execute('PRAGMA wal_autocheckpoint=0')\n"
        "connection.execute('CREATE TABLE IF NOT EXISTS t (name)')\n"
        "connection.execute('INSERT INTO t VALUES (?)', [sys.argv[2]])\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program, database, "after"], check=True)


def run(command, directory):
    command = command.removeprefix("sudo -u poster-admin ")
    if not command.startswith(("systemctl", ".venv/bin/python")):
        subprocess.run(shlex.split(command), check=True, cwd=directory)


def test_a_backup_is_not_undone_by_the_journal_of_the_database_before(tmp_path):
    database = tmp_path / "var" / "db.sqlite3"
    database.parent.mkdir()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE t (name)")
        connection.execute("INSERT INTO t VALUES ('before')")
        connection.commit()
    shutil.copy(database, tmp_path / "BACKUP")
    die_with_a_journal(str(database))
    assert (tmp_path / "var" / "db.sqlite3-wal").stat().st_size > 0
    for command in steps():
        run(command, tmp_path)
    assert rows(database) == ["before"]


def test_the_steps_stop_check_and_start():
    commands = steps()
    assert commands[0].startswith("systemctl stop poster-admin")
    assert "manage.py check --database default" in commands[-2]
    assert commands[-1].startswith("systemctl start poster-admin")


def test_what_the_page_needs_is_installed_by_it():
    (installed,) = re.findall(r"apt-get install --no-install-recommends (.+)", PAGE)
    for program in ("git", "make", "sqlite3", "sudo"):
        assert program in installed.split()
