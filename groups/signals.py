"""Record removed tokens in the security log, however their rows are deleted."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from groups.models import PosterCredentials
from poster_admin.users.models import Event
from poster_admin.users.security_log import record


@receiver(post_delete, sender=PosterCredentials)
def token_was_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Record the removal, also when the credentials are deleted along with their user."""
    record(Event.TOKEN_REMOVED, about=instance.user.get_username(), detail=instance.account_id)
