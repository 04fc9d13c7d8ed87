"""`manage.py migrate`: run Django's command in one process at a time."""

from typing import Any

from django.core.management.commands import migrate

from poster_admin.common.serving import ready_to_migrate


class Command(migrate.Command):
    """Wait for a starting server or another command before reading anything from the database."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Hold the lock, and run no checks: one of them would advise to run this very command."""
        only_looks = options["plan"] or options["check_unapplied"]
        with ready_to_migrate(options["database"], only_looks=only_looks):
            return super().execute(*args, **{**options, "skip_checks": True})
