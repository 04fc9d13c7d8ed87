"""Prepare what servers and workers need before they start; each step runs only if it is needed."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate as django_migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader

from poster_admin import VERSION
from poster_admin.common import backups
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.common.locks import held, migration_lock


def prepare(*, static: bool = True) -> None:
    try:
        compile_catalogues(settings.LOCALE_PATHS[0])
        migrate()
        if static:
            collect_static()
    except OSError as error:
        raise CommandError(str(error)) from None


def compile_catalogues(root: Path) -> None:
    """Compile each catalogue that has changed, without gettext, which most machines do not have.

    Fuzzy translations are left out, as gettext does.
    """
    for source in sorted(root.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        from babel.messages.mofile import write_mo  # noqa: PLC0415 - most starts compile nothing
        from babel.messages.pofile import read_po  # noqa: PLC0415

        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        # Write under another name and rename: a process that reads meanwhile gets a whole file, old or new.
        unfinished = target.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as file:
            write_mo(file, catalogue)
        unfinished.replace(target)


@contextmanager
def ready_to_migrate(alias: str, *, only_looks: bool = False) -> Iterator[int]:
    """Hold the lock of a database that may be migrated, and is backed up; yield how many are missing.

    Stop with one clear line if a newer version has migrated it. A start that fails tries again: one backup of
    each state is enough, the newest.
    """
    with migration_lock(alias):
        if unknown := unknown_migrations(alias):
            raise CommandError(
                f"The database at DATABASE_URL is of a newer version than {VERSION}, and is left as it is: "
                f"it has {', '.join(unknown)}. Start that version, or restore a backup from before it."
            )
        missing = missing_migrations(alias)
        if missing and not only_looks and alias == DEFAULT_DB_ALIAS:
            applied = MigrationLoader(connections[alias]).applied_migrations
            # A first start that was killed has left nothing to keep, and no backup that could be restored.
            is_ours = any(app == "groups" for app, _name in applied)
            if is_ours and (folder := backups.default_folder()):
                backups.back_up(folder, note=f"before-migrating-from-{len(applied)}")
        yield missing


def migrate() -> None:
    with ready_to_migrate(DEFAULT_DB_ALIAS) as missing:
        if missing:
            call_command(django_migrate.Command(), interactive=False, verbosity=0)


def collect_static() -> None:
    """Hash and compress the static files, unless that was done for exactly these files and packages.

    Two processes never do it at once: each would delete files that the other one is about to read.
    """
    digest = hashlib.sha256((settings.BASE_DIR / "uv.lock").read_bytes())
    # With DEBUG the names of the files have no hashes.
    digest.update(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            file = Path(storage.path(name)).stat()
            # The name counts, not the path: an installation that was moved need not collect its files again.
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    settings.VAR_DIR.mkdir(exist_ok=True)
    collected = settings.VAR_DIR / "static.lock"
    with held(collected, fcntl.LOCK_EX):
        # A container begins without those files, on the folder that its predecessor has left.
        if collected.read_text() == digest.hexdigest() and any(Path(settings.STATIC_ROOT).glob("*")):
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        collected.write_text(digest.hexdigest())
