"""Back up SQLite by its backup API, while it is in use, and restore it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from django.core.management.base import CommandError

from poster_admin.common.backups.engine import Engine, Prepared, ReadColumn

# Files beside a database that belong to it: the log of the last writes, and its index.
BESIDE = ("-wal", "-shm", "-journal")
# Seconds to wait for a database that is locked.
PATIENCE = 30


class SQLite(Engine):
    """One file, beside which SQLite keeps the last writes."""

    label = "SQLite"
    suffix = ".sqlite3"
    magic = b"SQLite format 3\0"

    @property
    def place(self) -> str:
        return str(self._path)

    def write(self, path: Path) -> None:
        try:
            with closing(_connect(self._path)) as source, closing(_connect(path)) as target:
                # In one step: it reads one state of the database, and others may go on writing.
                source.backup(target)
                _make_whole(target)
        except sqlite3.Error as error:
            raise CommandError(f"Nothing was backed up from {self.place}: {error}.") from None

    @contextmanager
    def contents(self, file: Path) -> Iterator[ReadColumn]:
        with closing(_connect(file)) as database:
            yield partial(_read_column, database)

    @contextmanager
    def prepared(self, file: Path) -> Iterator[Prepared]:
        """Copy the backup beside the database, so that one rename replaces it."""
        copy = self._path.with_name(f".{self._path.name}.restored")
        try:
            _delete(copy)  # left by a restore that was killed
            copy.touch(mode=0o600)
            shutil.copyfile(file, copy)
            # A copy of the bare files, made by hand, may have its last writes beside it.
            if (log := Path(f"{file}-wal")).exists():
                shutil.copyfile(log, f"{copy}-wal")
            with closing(_connect(copy)) as database:
                _make_whole(database)
                put_in_place = partial(_put_in_place, database, copy, self._path)
                yield Prepared(partial(_read_column, database), put_in_place)
        except sqlite3.Error as error:
            raise CommandError(f"{file} is damaged: {error}.") from None
        except OSError as error:
            raise CommandError(f"Nothing was restored: {error}") from None
        finally:
            _delete(copy)

    @property
    def _path(self) -> Path:
        return Path(self.settings["NAME"])


def _read_column(
    database: sqlite3.Connection, table: str, key: str, column: str
) -> Iterator[tuple[str, str]]:
    with suppress(sqlite3.OperationalError):  # an older backup may lack the table or the column
        yield from database.execute(f'SELECT "{key}", "{column}" FROM "{table}"')  # noqa: S608 - ours


def _put_in_place(database: sqlite3.Connection, copy: Path, path: Path) -> None:
    database.close()
    if path.exists() and os.geteuid() == 0:
        # Files of root could not be written by the server.
        owner = path.stat()
        os.chown(copy, owner.st_uid, owner.st_gid)
    _sync(copy)
    # The files beside the old database would bring its rows back.
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    copy.replace(path)
    with suppress(OSError):  # some file systems cannot sync a folder
        _sync(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that is there: SQLite would make an empty one."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=PATIENCE)


def _delete(path: Path) -> None:
    """Delete a database with the files beside it: SQLite would read them into the next one of that name."""
    for suffix in ("", *BESIDE):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _make_whole(database: sqlite3.Connection) -> None:
    """Check every page, and put everything into the one file."""
    (words,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if words != "ok":
        raise sqlite3.DatabaseError(words.partition("\n")[0])
    database.execute("PRAGMA journal_mode=DELETE").fetchone()


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
