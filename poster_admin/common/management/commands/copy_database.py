"""`manage.py copy_database`: copy everything into another, empty database, for a move to PostgreSQL."""

from itertools import batched
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from poster_admin.common.locks import alone
from poster_admin.common.outages import first_line
from poster_admin.env import database_settings

TARGET = "target"
BATCH = 500
# Rows of these show that a database is already in use.
OURS = ("auth.User", "groups.Change", "groups.PosterAccount")


class Command(BaseCommand):
    """Copy all rows unchanged, encrypted tokens included; the same POSTER_TOKEN_KEYS decrypt them there."""

    help = "Copy all data into another, empty database. Stop the server and the workers first."
    # Some of them would open the database, which has to be free.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="of the other database, as in DATABASE_URL")

    def handle(self, *_args: Any, url: str, **_options: Any) -> None:
        try:
            address = database_settings(url)
        except ValueError as error:
            raise CommandError(f"The address given {error}.") from None
        default = connections.settings["default"]
        if all(address[part] == default[part] for part in ("NAME", "HOST", "PORT")):
            raise CommandError("That is the database of DATABASE_URL itself.")
        connections.settings[TARGET] = {**default, "OPTIONS": {}, **address}
        with alone():
            connections[DEFAULT_DB_ALIAS].ensure_connection()  # before the other one is made
            try:
                connections[TARGET].ensure_connection()
            except OperationalError as error:
                raise CommandError(f"The database given: {first_line(error)}") from None
            self._fill(connections[TARGET])

    def _fill(self, target: BaseDatabaseWrapper) -> None:
        call_command("migrate", database=TARGET, interactive=False, verbosity=0)
        models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
        if any(apps.get_model(label)._base_manager.using(TARGET).exists() for label in OURS):
            raise CommandError("There are people or changes in that database already.")
        with transaction.atomic(using=TARGET), target.constraint_checks_disabled():
            for model in reversed(models):
                QuerySet(model, using=TARGET).delete()  # past the journal's own refusal
            target.check_constraints()
            for model in models:
                rows = model._base_manager.using("default").order_by("pk").iterator(BATCH)
                into, count = model._base_manager.using(TARGET), 0
                # `bulk_create` makes a list of all that it is given.
                for batch in batched(rows, BATCH):
                    count += len(into.bulk_create(batch))
                self.stdout.write(f"{model._meta.label}: {count}")
            with target.cursor() as cursor:
                for statement in target.ops.sequence_reset_sql(no_style(), models):
                    cursor.execute(statement)
