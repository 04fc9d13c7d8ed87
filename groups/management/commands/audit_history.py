"""`manage.py audit_history`: hold the history against what Poster has now."""

from typing import Any

from django.core.management.base import BaseCommand

from groups.poster import PosterError
from groups.services.history import accounts_to_audit, audit


class Command(BaseCommand):
    help = "Report groups that are not as the history says, of all accounts. It changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        for account, usable in accounts_to_audit().items():
            try:
                findings = audit(usable)
            except PosterError as error:
                self.stdout.write(f"{account}: Poster could not be read ({error.reason})")
                continue
            for finding in findings:
                self.stdout.write(f"{account}: {finding}")
            self.stdout.write(f"{account}: {len(findings)} not explained by the history")
