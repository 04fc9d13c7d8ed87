"""Test the backup that a worker makes each night."""

import datetime as dt
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from django.db import connections
from django.utils import timezone

from poster_admin.common import backups
from tests.support.databases import migrated
from tests.support.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def folder(tmp_path, settings, monkeypatch):
    """Return the folder of the backups of an installation on SQLite, where somebody is."""
    database = shutil.copy(migrated(), tmp_path / "db.sqlite3")
    sqlite = {
        **connections["default"].settings_dict,
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": database,
    }
    monkeypatch.setattr(backups, "engine", lambda: backups.SQLite(sqlite))
    settings.DATA_DIR = tmp_path
    make_user("olena")
    return tmp_path / "backups"


def made_ago(path, **ago):
    moment = (timezone.now() - dt.timedelta(**ago)).timestamp()
    os.utime(path, (moment, moment))


def test_each_night_has_one_backup_and_only_the_newest_are_kept(folder, settings):
    settings.BACKUP_KEEP = 2
    settings.BACKUP_HOUR = timezone.localtime().hour  # this night has just begun
    for nights in (3, 2, 1):
        backups.back_up_each_night()
        backups.back_up_each_night()
        for path in folder.glob("*.sqlite3"):
            made_ago(path, days=nights)
    backups.back_up_each_night()
    found = sorted(folder.glob("*.sqlite3"))
    assert len(found) == 2
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    with closing(sqlite3.connect(found[-1])) as database:
        assert database.execute("SELECT count(*) FROM django_migrations").fetchone()[0] > 30


def test_a_backup_of_a_clock_that_ran_fast_stops_none_and_outlives_none(folder, settings):
    settings.BACKUP_KEEP = 1
    folder.mkdir()
    ahead = timezone.now() + dt.timedelta(days=30)
    fast = folder / f"{backups.PREFIX}{ahead:{backups.STAMP}}.sqlite3"
    fast.touch()
    os.utime(fast, (ahead.timestamp(), ahead.timestamp()))
    for _each in range(2):
        backups.back_up_each_night()
    (made,) = folder.glob("*.sqlite3")
    assert made != fast


@pytest.mark.parametrize("values", [{"DATA_DIR": None}, {"BACKUP_KEEP": 0}])
def test_without_a_folder_or_a_number_none_is_made(folder, settings, values):
    for name, value in values.items():
        setattr(settings, name, value)
    backups.back_up_each_night()
    assert not folder.exists()


def test_while_another_process_makes_it_none_is_made_twice(folder):
    folder.mkdir()
    with backups.held(folder / "nightly.lock", backups.fcntl.LOCK_EX):
        backups.back_up_each_night()
    assert not list(folder.glob("*.sqlite3"))
