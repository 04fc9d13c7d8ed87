from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from groups.crypto import Secret, SecretUnreadable
from groups.models import Connection


class Command(BaseCommand):
    help = "Encrypt every stored token with the first of POSTER_TOKEN_KEYS; then older keys may go."

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        for pk in Connection.objects.values_list("pk", flat=True):
            with transaction.atomic():
                connection = Connection.objects.select_for_update().get(pk=pk)
                try:
                    connection.token = Secret(connection.token.reveal())
                except SecretUnreadable:
                    unreadable.append(str(connection))
                    continue
                connection.save(update_fields=["token"])
                rotated += 1
        self.stdout.write(f"{rotated} tokens are encrypted with the first key.")
        if unreadable:
            raise CommandError(
                f"No key opens these, their users have to connect again: {', '.join(unreadable)}"
            )
