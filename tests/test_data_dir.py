"""Test a folder that has all of an installation: its keys, its database, its backups."""

import contextlib
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.support.databases import migrated
from tests.support.installation import Installation

KEYS = ("SECRET_KEY", "POSTER_TOKEN_KEYS")
# Makes the first key, and is killed before the second one has its name.
KILLED = """
import os, pathlib, signal
from django.conf import settings
rename = pathlib.Path.replace
def last(self, target):
    rename(self, target)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.replace = last
settings.SECRET_KEY
"""


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def installation(tmp_path, data):
    installation = Installation(tmp_path / "site")
    installation.write({"HTTPS": "False", "DATA_DIR": data})
    yield installation
    installation.stop()


def keys_in(folder):
    return {name: (folder / name).read_text(encoding="ascii").strip() for name in KEYS}


def read_settings(installation, code="from django.conf import settings; settings.SECRET_KEY"):
    """Read the settings in a process of its own, as any command does first."""
    variables = {"DJANGO_SETTINGS_MODULE": "poster_admin.settings"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=installation.directory,
        env=installation.environment(variables),
    )


def test_commands_that_start_at_once_make_the_keys_once_and_for_their_owner_alone(installation, data):
    started = [read_settings(installation) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    settings = installation.settings()
    assert {
        "SECRET_KEY": settings["SECRET_KEY"],
        "POSTER_TOKEN_KEYS": settings["POSTER_TOKEN_KEYS"][0],
    } == keys_in(data)
    assert {path.stat().st_mode & 0o777 for path in data.iterdir() if path.is_file()} == {0o600}
    assert settings["DATABASES"]["default"]["NAME"] == str(data / "db.sqlite3")
    assert settings["CACHES"]["default"]["LOCATION"] == data / "cache"


def test_a_start_that_was_killed_between_two_keys_is_gone_on_with(installation, data):
    assert read_settings(installation, KILLED).wait(60) == -signal.SIGKILL
    first = (data / "SECRET_KEY").read_text(encoding="ascii")
    assert not (data / "POSTER_TOKEN_KEYS").exists()
    assert installation.settings()["SECRET_KEY"] == first.strip()
    assert keys_in(data)["SECRET_KEY"] == first.strip()


def test_keys_of_the_environment_win_and_nothing_is_made(installation, data):
    given = {name: Installation(data.parent / "other").values[name] for name in KEYS[:1]}
    installation.write({"HTTPS": "False", "DATA_DIR": data, **given})
    assert installation.settings()["SECRET_KEY"] == given["SECRET_KEY"]
    assert not (data / "SECRET_KEY").exists()
    assert (data / "POSTER_TOKEN_KEYS").exists()


def test_without_the_folder_a_missing_key_is_made_nowhere(installation):
    installation.write({"HTTPS": "False"})
    code, said = installation.output("check")
    assert code == 1
    assert [line.split()[1] for line in said.splitlines()] == list(KEYS)


def test_a_folder_that_cannot_be_written_is_one_line(installation, tmp_path):
    (tmp_path / "a file").touch()
    code, said = installation.output("check", DATA_DIR=str(tmp_path / "a file"))
    (line,) = said.splitlines()
    assert (code, line.partition(":")[0]) == (1, "Configuration")
    assert line.startswith("Configuration: DATA_DIR is not a folder that this user can write: ")


def test_a_lost_key_is_not_made_anew_beside_a_database(installation, data):
    installation.settings()
    (data / "db.sqlite3").touch()
    (data / "POSTER_TOKEN_KEYS").unlink()
    code, said = installation.output("check")
    (line,) = said.splitlines()
    assert code == 1
    assert line.startswith(
        "Configuration: POSTER_TOKEN_KEYS is missing, and DATA_DIR has a database already: "
    )
    assert not (data / "POSTER_TOKEN_KEYS").exists()


def test_a_database_is_kept_before_it_is_migrated_and_one_of_a_newer_version_is_left_alone(
    installation, data
):
    installation.settings()
    database = data / "db.sqlite3"
    database.write_bytes(migrated().read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("DELETE FROM django_migrations WHERE app = 'saved_views'")
        rows.execute("DROP TABLE groups_savedview")
    (migrating, backup) = installation.outputs((["migrate", "--no-input"], ""), (["backup"], ""))
    assert (migrating[0], backup[0]) == (0, 0), (migrating, backup)
    kept = sorted((data / "backups").glob("*.sqlite3"))
    assert ["before-migrating" in path.name for path in kept] == [True, False]
    assert str(kept[1]) == backup[1].strip()
    with contextlib.closing(sqlite3.connect(database)) as rows, rows:
        rows.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('groups', '9999_later', '2030-01-01')"
        )
    (serving, migrating) = installation.outputs((["worker"], ""), (["migrate"], ""))
    for code, said in (serving, migrating):
        (line,) = said.splitlines()
        assert code == 1
        assert "is of a newer version than" in line
        assert "groups 9999_later" in line
