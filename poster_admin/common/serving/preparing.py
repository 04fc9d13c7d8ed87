"""Prepare what servers and workers need before they start; each step runs only if it is needed."""

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate as django_migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

from poster_admin.common import backups
from poster_admin.common.catalogues import compile_catalogues
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.version import VERSION

# Any number that no other program uses as an advisory lock in this database.
MIGRATION_LOCK = 0x504F53544552


def prepare(*, static: bool = True) -> None:
    """Do everything that a server needs before it starts."""
    try:
        compile_catalogues(settings.LOCALE_PATHS[0])
        migrate()
        if static:
            collect_static()
    except OSError as error:
        raise CommandError(str(error)) from None


@contextmanager
def locked(path: Path) -> Iterator[TextIO]:
    """Hold the lock of a file. The kernel releases it however the process ends."""
    with lock_file(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def lock_file(path: Path) -> TextIO:
    """Open a file that is there for its lock. Raises `CommandError`."""
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CommandError(str(error)) from None


@contextmanager
def migration_lock(alias: str) -> Iterator[None]:
    """Let one process at a time migrate a database, across all machines that start at once.

    A file of SQLite that is not there is made, here alone.
    """
    if connections[alias].vendor == "sqlite":
        path = sqlite_file(alias)
        with locked(Path(f"{path}.lock")) if path else nullcontext():
            if path and not path.exists():
                path.touch()
            yield
        return
    with own_session(alias) as cursor:
        # Poll: a session waiting inside pg_advisory_lock would block CREATE INDEX CONCURRENTLY for ever.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        while cursor.fetchone() != (True,):
            time.sleep(0.1)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        yield


def sqlite_file(alias: str) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, which other processes do not see."""
    connection = connections[alias]
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or "mode=memory" in name:
        return None
    return Path(name)


@contextmanager
def own_session(alias: str) -> Iterator[CursorWrapper]:
    """Open a session beside the pool of PostgreSQL, which ends with the block.

    One from the pool would not end, and the pool would hide why no session can be opened.
    """
    connection = connections[alias]
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    session = type(connection)({**connection.settings_dict, "OPTIONS": options}, alias)
    with closing(session), session.cursor() as cursor:
        yield cursor


def refuse_newer(alias: str) -> None:
    """Stop with one clear line if a newer version has migrated the database."""
    if unknown := unknown_migrations(alias):
        raise CommandError(
            f"The database at DATABASE_URL is of a newer version than {VERSION}, and is left as it is: "
            f"it has {', '.join(unknown)}. Start that version, or restore a backup from before it."
        )


def back_up_before_migrating(alias: str) -> None:
    """Keep the database as it is, if there is a folder for backups: migrations are missing.

    A start that fails tries again: one backup of each state is enough, the newest.
    """
    applied = MigrationLoader(connections[alias]).applied_migrations
    # A first start that was killed has left nothing to keep, and no backup that could be restored.
    is_ours = any(app == "groups" for app, _name in applied)
    if alias == DEFAULT_DB_ALIAS and is_ours and (folder := backups.default_folder()):
        backups.back_up(folder, note=f"before-migrating-from-{len(applied)}")


@contextmanager
def ready_to_migrate(alias: str, *, only_looks: bool = False) -> Iterator[int]:
    """Hold the lock of a database that may be migrated, and is backed up; yield how many are missing."""
    with migration_lock(alias):
        refuse_newer(alias)
        missing = missing_migrations(alias)
        if missing and not only_looks:
            back_up_before_migrating(alias)
        yield missing


def migrate() -> None:
    """Migrate the database, unless another process has done so meanwhile."""
    with ready_to_migrate(DEFAULT_DB_ALIAS) as missing:
        if missing:
            call_command(django_migrate.Command(), interactive=False, verbosity=0)


def collect_static() -> None:
    """Hash and compress the static files, unless that was done for exactly these files and packages.

    Two processes never do it at once: each would delete files that the other one is about to read.
    """
    settings.VAR_DIR.mkdir(exist_ok=True)
    with locked(settings.VAR_DIR / "static.lock") as lock:
        lock.seek(0)
        wanted = _static_digest()
        # A container begins without those files, on the folder that its predecessor has left.
        if lock.read() == wanted and any(Path(settings.STATIC_ROOT).glob("*")):
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        lock.truncate(0)
        lock.write(wanted)


def _static_digest() -> str:
    digest = hashlib.sha256((settings.BASE_DIR / "uv.lock").read_bytes())
    # With DEBUG the names of the files have no hashes.
    digest.update(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            file = Path(storage.path(name)).stat()
            # The name counts, not the path: an installation that was moved need not collect its files again.
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    return digest.hexdigest()
