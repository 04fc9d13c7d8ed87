"""Follow docs/operations.md: its commands unchanged, and their packages on a bare Debian."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from django.core.management import get_commands

from poster_admin.devtools.defaults import documented_defaults
from tests.support.databases import migrated
from tests.support.documents import targets
from tests.support.environment import ROOT
from tests.support.installation import Installation

# A server that an operator starts by hand is left out: it requires no machine of its own.
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALL = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
TITLED = {each.partition("\n")[0].removeprefix("# "): each for each in ALL}
BLOCKS = [text for title, text in TITLED.items() if title != "start by hand"]
# Packages of a minimal Debian, and the packages that provide the other commands.
BARE = {"apt-get", "cd", "chmod", "cp", "echo", "install", "mkdir", "rm", "sed", "systemctl", "useradd"}
PACKAGES = dict.fromkeys(("createdb", "createuser"), "postgresql")
# The machine of the test has no service, and no user of that name.
STAND_IN = 'set -e; systemctl() { :; }; sudo() { shift 2; "$@"; }\n'
ADD = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("INSERT INTO auth_group (name) VALUES (?)", [sys.argv[2]])
database.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def lines():
    return [line for each in BLOCKS for line in each.splitlines() if not line.startswith("#")]


def test_every_block_has_a_title():
    assert len(TITLED) == len(ALL) > 10


def test_what_the_page_calls_is_installed_before():
    installed = {word for line in lines() if line.startswith("apt-get") for word in line.split()}
    for line in lines():
        program, *words = re.sub(r"^(\w+=\$\()?sudo -u \S+ ", "", line).split()
        assert (
            program in BARE or program.startswith(".venv/") or PACKAGES.get(program, program) in installed
        ), line
        if program == "make":
            assert words[0] in targets() or words[0].startswith(".venv/"), line
        if words[:1] == ["manage.py"]:
            assert words[1] in get_commands(), line


def test_a_start_by_hand_names_commands_that_there_are():
    for line in TITLED["start by hand"].splitlines()[1:]:
        match line.split():
            case ["make", target, *_]:
                assert target in targets() or target.startswith(".venv/"), line
            case [".venv/bin/python", "manage.py", command]:
                assert command in get_commands(), line
            case ["printf", "'%s\\n'", *settings, ">>", ".env"]:
                assert {each.partition("=")[0] for each in settings} <= set(documented_defaults())
            case words:
                assert words == ["install", "-m", "600", ".env.example", ".env"]


def test_commands_of_ours_are_not_run_as_root():
    ours = [line for line in lines() if re.match(r"(\w+=\$\()?(sudo -u \S+ )?(git|make|\S*python) ", line)]
    assert len(ours) > 5
    assert [line for line in ours if "sudo -u poster-admin " not in line] == []


@pytest.fixture
def installation(tmp_path):
    """Return an installation in a folder with `.venv`, with its database where the page says."""
    installation = Installation(tmp_path)
    installation.write({name: value for name, value in installation.values.items() if name != "DATABASE_URL"})
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "var").mkdir()
    yield installation
    installation.stop()


def test_a_restore_begins_with_a_stop_and_ends_with_a_start():
    _, first, *_, last = TITLED["restore"].splitlines()
    assert first.startswith("systemctl stop poster-admin ")
    assert last.startswith("systemctl start poster-admin ")


def follow(installation, title, **variables):
    return subprocess.run(
        ["bash", "-c", STAND_IN + TITLED[title]],
        cwd=installation.directory,
        env=installation.environment(variables),
        input="yes\n",
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout.splitlines()


def add(installation, name):
    """Add a role in a process that is killed afterwards, so that only SQLite's log holds the change."""
    path = installation.directory / "var" / "db.sqlite3"
    done = subprocess.run([sys.executable, "-c", ADD, str(path), name], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_backup_that_is_restored_has_just_what_it_had(installation):
    shutil.copy(migrated(), installation.directory / "var" / "db.sqlite3")
    with closing(sqlite3.connect(migrated())) as database:
        before = [name for (name,) in database.execute("SELECT name FROM auth_group")]
    add(installation, "early")
    (printed,) = follow(installation, "back up")
    (backup,) = (installation.directory / "var" / "backups").iterdir()
    assert installation.directory / printed == backup
    add(installation, "late")
    assert (installation.directory / "var" / "db.sqlite3-wal").stat().st_size > 0
    *_, checked = follow(installation, "restore", BACKUP=printed)
    assert checked == "System check identified no issues (0 silenced)."
    with closing(sqlite3.connect(installation.directory / "var" / "db.sqlite3")) as database:
        names = {name for (name,) in database.execute("SELECT name FROM auth_group")}
    assert names == {"early", *before}
