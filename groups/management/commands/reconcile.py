from typing import Any

from django.core.management.base import BaseCommand

from groups.models import Change
from groups.services.settling import reconcile


class Command(BaseCommand):
    help = "Look after every change whose outcome is still open, once. Meant for a timer; running it twice is safe."

    def handle(self, *args: Any, **options: Any) -> None:
        for change in reconcile():
            self.stdout.write(
                f"{change.pk} {change.action} {change.target} {change.state} {change.reason}".rstrip()
            )
        self.stdout.write(f"{Change.objects.open().count()} still open")
