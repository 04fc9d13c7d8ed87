from typing import Any

from django.core.management.base import BaseCommand

from groups.models import Change
from groups.services.settling import reconcile


class Command(BaseCommand):
    help = "Look once after every change whose outcome is open. Meant for a timer; twice at once is safe."

    def handle(self, *args: Any, **options: Any) -> None:
        for change in reconcile():
            self.stdout.write(
                f"{change.pk} {change.action} {change.target} {change.state} {change.reason}".rstrip()
            )
        self.stdout.write(f"{Change.objects.open().count()} still open")
