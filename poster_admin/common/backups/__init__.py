"""Copy the database into one file, and put such a file in its place: SQLite and PostgreSQL."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from poster_admin.common.backups.engine import Engine, ReadColumn
from poster_admin.common.backups.postgresql import PostgreSQL
from poster_admin.common.backups.sqlite import SQLite

PREFIX = "poster-admin-"
# A time later than this in the future was written by a clock that ran fast.
AHEAD = timedelta(minutes=1)
# The time of a backup in its name, so that the names are in the order of the times.
STAMP = "%Y-%m-%d-%H%M%S-%f"
# Seconds without a write after which an unfinished backup is that of a process that was killed.
LEFT_OVER = 6 * 3600


def engine() -> Engine:
    """Return the engine of the database at DATABASE_URL."""
    connection = connections[DEFAULT_DB_ALIAS]
    return (SQLite if connection.vendor == "sqlite" else PostgreSQL)(connection.settings_dict)


def default_folder() -> Path | None:
    """Return the folder of the backups that are made without being asked for; None for none.

    That is a folder of DATA_DIR. An image without PostgreSQL's programs leaves the backups to the database's.
    """
    can_write = engine().suffix == SQLite.suffix or which("pg_dump")
    return settings.DATA_DIR / "backups" if settings.DATA_DIR and can_write else None


def newest(folder: Path) -> datetime | None:
    """Return the time of the newest backup in a folder, None if it has none.

    One that lies AHEAD of the clock does not count: a clock that once ran fast wrote it, and it would be the
    newest until the real time catches up.
    """
    files = folder.glob(f"{PREFIX}*{engine().suffix}")
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files]
    return max((time for time in times if time <= timezone.now() + AHEAD), default=None)


def back_up(folder: Path, note: str = "") -> Path:
    """Write a backup into a folder, which is made if it is not there, and return its path.

    A backup with a note in its name takes the place of the older ones with that note. What `restore` would
    refuse is not kept: a backup of a database that is empty, damaged or of something else. Raises
    `CommandError`.
    """
    source = engine()
    end = f"-{note}{source.suffix}" if note else source.suffix
    path = folder / f"{PREFIX}{datetime.now(UTC):{STAMP}}{end}"
    unfinished = path.with_name(f".{path.name}.part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f".{PREFIX}*.part*"):
            with suppress(FileNotFoundError):  # that of another process, which has just ended
                if time.time() - left.stat().st_mtime > LEFT_OVER:
                    left.unlink()
        try:
            # Made here, so that nobody else can read it while it grows.
            unfinished.touch(mode=0o600, exist_ok=False)
            source.write(unfinished)
            with source.contents(unfinished) as read_column:
                refuse_foreign_version(read_column, source.place)
            unfinished.rename(path)
            for older in folder.glob(f"{PREFIX}*{end}") if note else ():
                if older != path:
                    older.unlink(missing_ok=True)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"Nothing was backed up: {error}") from None
    return path


def delete_old(folder: Path, keep: int) -> list[Path]:
    """Delete all backups in a folder but the newest `keep`, and return the deleted ones.

    One that lies AHEAD of the clock counts as the oldest; one without a time in its name was named by
    somebody, and stays.
    """
    ahead = f"{PREFIX}{datetime.now(UTC) + AHEAD:{STAMP}}"
    files = folder.glob(f"{PREFIX}[0-9]*{engine().suffix}")
    old = sorted(files, key=lambda path: (path.name < ahead, path.name), reverse=True)[keep:]
    for path in old:
        path.unlink(missing_ok=True)  # another process may delete them too
    return old


def refuse_foreign_version(read_column: ReadColumn, name: str) -> None:
    """Stop if the migrations of this version do not lead on from a backup. Raises `CommandError`."""
    applied = set(read_column("django_migrations", "app", "name"))
    if any(app == "people" for app, _ in applied):
        raise CommandError(f"{name} was made by a version before 1.0, which this one does not read.")
    if not any(app == "groups" for app, _ in applied):
        raise CommandError(f"{name} is empty or of something else: it has no groups of the dashboard.")
    loader = MigrationLoader(None)
    if any(app in loader.migrated_apps for app, _ in applied - loader.disk_migrations.keys()):
        raise CommandError(f"{name} was made by a newer version of the dashboard: upgrade first.")
