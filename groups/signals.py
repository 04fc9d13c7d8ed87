"""Write into the security log that a user's token was removed, whichever way its row goes."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from groups.models import PosterCredentials
from poster_admin.users.models import Event
from poster_admin.users.security_log import record


@receiver(post_delete, sender=PosterCredentials)
def token_was_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Write a line, also where a user is deleted with the credentials."""
    record(Event.TOKEN_REMOVED, about=instance.user.get_username(), detail=instance.account_id)
