from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from groups.crypto import Secret, SecretUnreadable, encrypted_columns


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first of POSTER_TOKEN_KEYS; then older keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        for model, column in encrypted_columns():
            rows = model._default_manager  # noqa: SLF001 - Django's documented API
            for pk in rows.values_list("pk", flat=True):
                with transaction.atomic():
                    row = rows.select_for_update().get(pk=pk)
                    try:
                        setattr(row, column, Secret(getattr(row, column).reveal()))
                    except SecretUnreadable:
                        unreadable.append(str(row))
                        continue
                    row.save(update_fields=[column])
                    rotated += 1
        self.stdout.write(f"{rotated} tokens are encrypted with the first key.")
        if unreadable:
            raise CommandError(
                f"No key opens these, their users have to enter them again: {', '.join(unreadable)}"
            )
