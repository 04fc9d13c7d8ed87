"""`manage.py restore FILE`: put a backup in the place of the database."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from poster_admin.common import backups
from poster_admin.common.encryption import encrypted_columns, report_keys
from poster_admin.common.locks import alone
from poster_admin.common.outages import optional

# No value, as SQLite and as the text of PostgreSQL have it.
EMPTY = (None, "\\N")


class Command(BaseCommand):
    help = "Replace the database by a backup, after a question. Stop the server and the workers first."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="as `backup` wrote it")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        engine = backups.engine()
        try:
            with file.open("rb") as content:
                start = content.read(len(engine.magic))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        if start != engine.magic:
            raise CommandError(f"{file} is no backup of {engine.label}, which DATABASE_URL names.")
        with alone(), engine.prepared(file) as (read_column, put_in_place):
            backups.refuse_foreign_version(set(read_column("django_migrations", "app", "name")), str(file))
            secrets = (
                (f"{model._meta.label_lower} {row}", sealed)
                for model, name in encrypted_columns()
                for row, sealed in read_column(model._meta.db_table, str(model._meta.pk.column), name)
                if sealed not in EMPTY
            )
            self.stdout.write(str(report_keys(secrets)))
            self.stdout.write(f"All of {engine.place} is replaced by {file}, for good.")
            self.ask_to_go_on()
            put_in_place()
        with optional("the answers of Poster in the cache"):
            cache.clear()
        self.stdout.write(f"Restored {file}.")
        call_command("check", databases=["default"], stdout=self.stdout, stderr=self.stderr)

    def ask_to_go_on(self) -> None:
        self.stdout.write("Type yes to go on: ", ending="")
        self.stdout.flush()
        answer = ""
        with suppress(KeyboardInterrupt):
            answer = sys.stdin.readline().strip()
        if answer != "yes":
            raise CommandError("Nothing was restored.")
