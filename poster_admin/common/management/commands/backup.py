"""`manage.py backup [DIR]`: copy the database into a file."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from poster_admin.common import backups


class Command(BaseCommand):
    """Print the path of the backup alone, for scripts."""

    help = "Write the database into a new file in DIR that its owner alone can read; the server may run."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "dir",
            type=Path,
            nargs="?",
            help="where the file goes; made if it is not there (DATA_DIR/backups)",
        )
        parser.add_argument("--keep", type=int, help="delete all backups in DIR but the newest KEEP")

    def handle(self, *_args: Any, dir: Path | None, keep: int | None, **_options: Any) -> None:  # noqa: A002 - Django's name for DIR
        if keep is not None and keep < 1:
            raise CommandError("--keep is less than 1: not even the new backup would be kept.")
        if dir is None:
            if not settings.DATA_DIR:
                raise CommandError("Name a folder, backup DIR: without DATA_DIR there is none for backups.")
            dir = settings.DATA_DIR / "backups"  # noqa: A001 - as above
        self.stdout.write(str(backups.back_up(dir)))
        if keep and not get_user_model().objects.exists():
            self.stderr.write("Nobody is in this database yet: older backups are kept.")
            return
        for path in backups.delete_old(dir, keep) if keep else ():
            self.stderr.write(f"Deleted {path}")
