"""Define the connection check of an account: when it is due, how far it is, and the calls that it made."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from groups.models.leases import Due, DueQuerySet

EVERY = timedelta(days=30)


class ConnectionCheck(Due):
    """The check of one account, with the token of the user who has requested it last.

    While it runs, `steps_done` counts its calls. `calls` are of the run that ended at `ended_at`: methods,
    times and names of fields, and no value of anybody. `failed` is True if that run got no answer.

    `write_id` names the last write check, from which the ids of its changes follow; `is_write_due` until it
    has ended. `write_tries` counts the clicks to remove what it could not remove.
    """

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="connection_check", primary_key=True
    )
    credentials = models.ForeignKey(
        PosterCredentials, null=True, on_delete=models.SET_NULL, related_name="connection_checks"
    )
    steps_done = models.PositiveSmallIntegerField(default=0)
    calls = models.JSONField(default=list)
    ended_at = models.DateTimeField(null=True)
    failed = models.BooleanField(default=False)
    write_id = models.UUIDField(null=True)
    write_tries = models.PositiveSmallIntegerField(default=0)
    is_write_due = models.BooleanField(default=False)

    objects = DueQuerySet["ConnectionCheck"].as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.ended_at}"

    @property
    def is_wanted(self) -> bool:
        """Return True while a check runs, or waits for a worker."""
        return bool(self.next_at and self.next_at <= timezone.now())

    @classmethod
    def lease_time(cls) -> timedelta:
        return timedelta(minutes=1)  # longer than one call, or one write, after which it is renewed

    @property
    def sender(self) -> tuple[int | None, str]:
        """The user who has requested the check; or another one, where Poster takes that token no more."""
        connected = PosterCredentials.objects.filter(account=self.account_id, user__is_active=True)
        found = min(
            connected,
            key=lambda each: (each.refused_at is not None, each.pk != self.credentials_id, each.pk),
            default=None,
        )
        return found.user_id if found else None, self.account_id
