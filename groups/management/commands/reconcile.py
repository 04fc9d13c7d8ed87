"""`manage.py reconcile`: do once what the threads of a worker do again and again."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from groups.models import Change
from groups.services.installation.maintenance import pruned
from groups.services.writes.reconcile import reconcile_due


class Command(BaseCommand):
    help = "Settle all that was left open, once. Meant for a timer; twice at once is safe."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="hold the whole history against Poster too, see audit_history"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for change in reconcile_due():
            self.stdout.write(
                f"{change.pk} {change.action} {change.target} {change.state} {change.reason}".rstrip()
            )
        for forget in pruned.values():
            forget()
        self.stdout.write(f"{Change.objects.open().count()} still open")
        if options["all"]:
            call_command("audit_history", stdout=self.stdout)
