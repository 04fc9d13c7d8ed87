"""`manage.py migrate`: run Django's command in one process at a time."""

from typing import Any

from django.core.management.commands import migrate

from poster_admin.common.checks import missing_migrations
from poster_admin.common.serving.server import (
    back_up_before_migrating,
    migration_lock,
    refuse_newer,
    refuse_too_old,
)


class Command(migrate.Command):
    """Wait for a starting server or another command before reading anything from the database."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Hold the lock, and run no checks: one of them would advise to run this very command."""
        with migration_lock(options["database"]):
            refuse_too_old(options["database"])
            refuse_newer(options["database"])
            only_looks = options["plan"] or options["check_unapplied"]
            if not only_looks and missing_migrations(options["database"]):
                back_up_before_migrating(options["database"])
            return super().execute(*args, **{**options, "skip_checks": True})
