from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from poster_admin.common.encryption import Secret, SecretUnreadable, encrypted_columns


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first of POSTER_TOKEN_KEYS; then older keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        for model, column in encrypted_columns():
            rows = model._default_manager
            for pk in rows.values_list("pk", flat=True):
                with transaction.atomic():
                    row = rows.select_for_update().filter(pk=pk).first()
                    if row is None:  # The row was deleted meanwhile.
                        continue
                    try:
                        setattr(row, column, Secret(getattr(row, column).reveal()))
                    except SecretUnreadable:
                        unreadable.append(f"{model._meta.label_lower} {pk}")
                        continue
                    row.save(update_fields=[column])
                    rotated += 1
        self.stdout.write(f"{rotated} tokens and other secrets are encrypted with the first key.")
        if unreadable:
            raise CommandError(
                f"No key opens these; tokens have to be entered again: {', '.join(unreadable)}"
            )
