"""`manage.py prune`: delete rows whose time is over."""

from typing import Any

from django.core.management.base import BaseCommand

from groups.services.installation.maintenance import pruned


class Command(BaseCommand):
    help = "Delete old rows: of sessions, the security log and features. The history is kept."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for name, forget in pruned.items():
            self.stdout.write(f"{forget()} {name}")
