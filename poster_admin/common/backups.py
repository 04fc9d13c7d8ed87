"""Copy the database into one file, and put such a file in its place: SQLite and PostgreSQL."""

import fcntl
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from poster_admin.common.locks import held
from poster_admin.env import sync

log = logging.getLogger("poster_admin.backups")
PREFIX = "poster-admin-"
# A time later than this in the future was written by a clock that ran fast.
AHEAD = timedelta(minutes=1)
# The time of a backup in its name, so that the names are in the order of the times.
STAMP = "%Y-%m-%d-%H%M%S-%f"
# Options of Django's own, which the programs do not know.
NOT_OF_LIBPQ = {"pool", "isolation_level", "assume_role", "server_side_binding"}
COPY = re.compile(r"COPY (?:\w+\.)?\"?(?P<table>\w+)\"? \((?P<columns>[^)]*)\) FROM stdin;")
# Files next to a database that belong to it: the log of the last writes, and its index.
BESIDE = ("-wal", "-shm", "-journal")

type ReadColumn = Callable[[str, str, str], Iterator[tuple[str, str]]]
"""Takes a table, its primary key and a column, and yields key and value of each row, if the backup has it."""
type PutInPlace = Callable[[], None]
"""Replaces the database by the backup, all or nothing, or raises `CommandError`."""


class SQLite:
    """One file, next to which SQLite keeps the last writes; `magic` are the first bytes of a backup."""

    label, suffix, magic = "SQLite", ".sqlite3", b"SQLite format 3\0"

    def __init__(self, settings: dict[str, Any]) -> None:
        self._path = Path(settings["NAME"])
        self.place = str(self._path)

    def write(self, path: Path) -> None:
        try:
            with closing(_connect(self._path)) as source, closing(_connect(path)) as target:
                # In one step: it reads one state of the database, and others may go on writing.
                source.backup(target)
                _make_whole(target)
        except sqlite3.Error as error:
            raise CommandError(f"Nothing was backed up from {self.place}: {error}.") from None

    @contextmanager
    def prepared(self, file: Path) -> Iterator[tuple[ReadColumn, PutInPlace]]:
        """Copy the backup next to the database, so that one rename replaces it."""
        copy = self._path.with_name(f".{self._path.name}.restored")
        try:
            _delete(copy)  # left by a restore that was killed
            copy.touch(mode=0o600)
            shutil.copyfile(file, copy)
            # A copy of the bare files, made by hand, may have its last writes next to it.
            if (log := Path(f"{file}-wal")).exists():
                shutil.copyfile(log, f"{copy}-wal")
            with closing(_connect(copy)) as database:
                _make_whole(database)
                yield partial(self._read_column, database), partial(self._put_in_place, database, copy)
        except sqlite3.Error as error:
            raise CommandError(f"{file} is damaged: {error}.") from None
        except OSError as error:
            raise CommandError(f"Nothing was restored: {error}") from None
        finally:
            _delete(copy)

    def _read_column(
        self, database: sqlite3.Connection, table: str, key: str, column: str
    ) -> Iterator[tuple[str, str]]:
        with suppress(sqlite3.OperationalError):  # an older backup may lack the table or the column
            yield from database.execute(f'SELECT "{key}", "{column}" FROM "{table}"')  # noqa: S608 - ours

    def _put_in_place(self, database: sqlite3.Connection, copy: Path) -> None:
        database.close()
        if self._path.exists() and os.geteuid() == 0:
            # Files of root could not be written by the server.
            owner = self._path.stat()
            os.chown(copy, owner.st_uid, owner.st_gid)
        sync(copy)
        # The files next to the old database would bring its rows back.
        for suffix in BESIDE:
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        copy.replace(self._path)
        with suppress(OSError):  # some file systems cannot sync a folder
            sync(self._path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that is there: SQLite would make an empty one."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=30)


def _delete(path: Path) -> None:
    """Delete a database with the files that SQLite would read into the next one of that name."""
    for suffix in ("", *BESIDE):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _make_whole(database: sqlite3.Connection) -> None:
    """Check every page, and put everything into the one file."""
    (words,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if words != "ok":
        raise sqlite3.DatabaseError(words.partition("\n")[0])
    database.execute("PRAGMA journal_mode=DELETE").fetchone()


class PostgreSQL:
    """A database on a server, of which PostgreSQL's own programs make and read a backup."""

    label, suffix, magic = "PostgreSQL", ".dump", b"PGDMP"

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        host = settings["HOST"] or "this machine"
        self.place = f"the database {settings['NAME']} on {host}"  # without its password

    def write(self, path: Path) -> None:
        self.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}", self.target)

    @contextmanager
    def prepared(self, file: Path) -> Iterator[tuple[ReadColumn, PutInPlace]]:
        settings.VAR_DIR.mkdir(exist_ok=True)
        for left in settings.VAR_DIR.glob("restore-*"):  # by a restore that was killed
            shutil.rmtree(left)
        with TemporaryDirectory(prefix="restore-", dir=settings.VAR_DIR) as folder:
            script = Path(folder) / "script.sql"
            self.run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
            with script.open(encoding="utf-8") as lines:
                yield partial(self._read_column, lines), partial(self._put_in_place, script)

    @cached_property
    def target(self) -> str:
        """The address for libpq, without the password, which is in the environment."""
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - installed for PostgreSQL only

        names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
        own = {name: self.settings[key] for key, name in names.items() if self.settings[key]}
        options = self.settings["OPTIONS"].items()
        return f"--dbname={make_conninfo(**own, **{k: v for k, v in options if k not in NOT_OF_LIBPQ})}"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the programs. Raises `CommandError` with its first line if it fails."""
        path = shutil.which(program)
        if path is None:
            # The image has none of the programs: they have to be as new as a server that it does not know.
            raise CommandError(
                f"{program} is not installed. Debian has it in postgresql-client, which has to be as new as "
                "the server; the image has none: use the one where the server runs."
            )
        password = self.settings["PASSWORD"]
        done = subprocess.run(  # noqa: S603 - our own words
            [path, *arguments],
            env=os.environ | ({"PGPASSWORD": password} if password else {}),
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise CommandError(done.stderr.strip().partition("\n")[0] or f"{program} failed.")

    def _put_in_place(self, script: Path) -> None:
        """Drop all tables and make those of the backup, in one transaction.

        `pg_restore --clean` would leave tables that are newer than the backup, at which a migration fails.
        """
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        connection.close()
        drop = "".join(
            f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)} CASCADE;" for table in tables
        )
        options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        self.run("psql", *options, f"--command={drop}", f"--file={script}", self.target)

    def _read_column(self, lines: TextIO, table: str, key: str, column: str) -> Iterator[tuple[str, str]]:
        indexes: tuple[int, int] | None = None
        lines.seek(0)
        for line in lines:
            if block := COPY.match(line):
                names = block["columns"].replace('"', "").split(", ")
                found = block["table"] == table and {key, column} <= set(names)
                indexes = (names.index(key), names.index(column)) if found else None
            elif line == "\\.\n":
                indexes = None
            elif indexes:
                values = line.rstrip("\n").split("\t")
                yield values[indexes[0]], values[indexes[1]]


# --- Backups in a folder --------------------------------------------------------------------------------


def engine() -> SQLite | PostgreSQL:
    connection = connections[DEFAULT_DB_ALIAS]
    return (SQLite if connection.vendor == "sqlite" else PostgreSQL)(connection.settings_dict)


def default_folder() -> Path | None:
    """Return the folder of the backups that are made without being requested.

    An image without PostgreSQL's programs leaves them to that of the database.
    """
    can_write = engine().suffix == SQLite.suffix or shutil.which("pg_dump")
    return settings.DATA_DIR / "backups" if settings.DATA_DIR and can_write else None


def newest(folder: Path) -> datetime | None:
    """Return the time of the newest backup in a folder, but of one that lies AHEAD of the clock."""
    files = folder.glob(f"{PREFIX}*{engine().suffix}")
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in files]
    return max((time for time in times if time <= timezone.now() + AHEAD), default=None)


def back_up(folder: Path, note: str = "") -> Path:
    """Write a backup into a folder, in place of the older ones with its note. Raises `CommandError`.

    Nothing is kept that `restore` would refuse: a backup of a database that is empty, damaged or of something
    else.
    """
    source = engine()
    end = f"-{note}{source.suffix}" if note else source.suffix
    path = folder / f"{PREFIX}{datetime.now(UTC):{STAMP}}{end}"
    unfinished = path.with_name(f".{path.name}.part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f".{PREFIX}*.part*"):
            with suppress(FileNotFoundError):  # that of another process, which has just ended
                if time.time() - left.stat().st_mtime > 6 * 3600:  # left by a process that was killed
                    left.unlink()
        try:
            # Made here, so that nobody else can read it while it grows.
            unfinished.touch(mode=0o600, exist_ok=False)
            source.write(unfinished)
            refuse_foreign_version(set(MigrationLoader(connection).applied_migrations), source.place)
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
    """Delete and return all backups in a folder but the newest `keep`, and those that somebody has named.

    One that lies AHEAD of the clock counts as the oldest.
    """
    ahead = f"{PREFIX}{datetime.now(UTC) + AHEAD:{STAMP}}"
    files = folder.glob(f"{PREFIX}[0-9]*{engine().suffix}")
    old = sorted(files, key=lambda path: (path.name < ahead, path.name), reverse=True)[keep:]
    for path in old:
        path.unlink(missing_ok=True)  # another process may delete them too
    return old


def refuse_foreign_version(applied: set[tuple[str, str]], name: str) -> None:
    if not any(app == "groups" for app, _ in applied):
        raise CommandError(f"{name} is empty or of something else: it has no groups of the dashboard.")
    loader = MigrationLoader(None)
    if any(app in loader.migrated_apps for app, _ in applied - loader.disk_migrations.keys()):
        raise CommandError(f"{name} was made by a newer version of the dashboard: upgrade first.")


def back_up_each_night() -> None:
    """Write a backup and delete old ones, unless this night has one or another process writes it."""
    folder = default_folder()
    if folder is None or not settings.BACKUP_KEEP or not get_user_model().objects.exists():
        return
    now = timezone.localtime()
    night = now.replace(hour=settings.BACKUP_HOUR, minute=0, second=0, microsecond=0)
    last_night = night if night <= now else night - timedelta(days=1)
    folder.mkdir(mode=0o700, exist_ok=True)
    with held(folder / "nightly.lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as is_held:
        latest = newest(folder)
        if is_held and (latest is None or latest < last_night):
            log.info("The database is backed up: %s", back_up(folder))
            delete_old(folder, settings.BACKUP_KEEP)
