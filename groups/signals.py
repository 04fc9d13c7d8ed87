"""Lock and record tokens that are removed."""

from typing import Any

from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from groups.models import PosterCredentials
from poster_admin.users.models import Event
from poster_admin.users.security_log import record


@receiver(pre_delete, sender=PosterCredentials)
def token_is_being_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Lock the row: a list that is read meanwhile stores its copy before the removal, or not at all."""
    PosterCredentials.objects.select_for_update().filter(pk=instance.pk).first()


@receiver(post_delete, sender=PosterCredentials)
def token_was_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Record the removal, also when the credentials are deleted along with their user."""
    account = instance.account_id
    record(Event.TOKEN_REMOVED, about=instance.user.get_username(), detail=account, account=account)
