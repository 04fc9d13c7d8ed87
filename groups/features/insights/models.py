"""Define the sweep of an account's clients that a page has requested, which a worker makes."""

from django.db import models
from django.utils import timezone

from groups.models import PosterCredentials
from groups.models.leases import Columns, Due, DueQuerySet, Lease


class Sweep(Due):
    """One sweep for all who use a token, and how far it is: `read` of about `clients`.

    `days` is the period of sales that was requested. The row goes as the sweep ends, with or without sums.
    """

    credentials = models.OneToOneField(PosterCredentials, on_delete=models.CASCADE, primary_key=True)
    next_at = models.DateTimeField(null=True, default=timezone.now)
    days = models.PositiveSmallIntegerField()
    clients = models.PositiveIntegerField()
    read = models.PositiveIntegerField(default=0)

    objects = DueQuerySet["Sweep"].as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.credentials_id} {self.read} of {self.clients}"

    @property
    def sender(self) -> tuple[int | None, str]:
        return self.credentials.user_id, self.credentials.account_id

    @property
    def is_waiting(self) -> bool:
        return self.held_until is None or self.held_until <= timezone.now()

    def after_hold(self, *_args: object) -> Columns:
        return {"next_at": None}

    def release(self, lease: Lease["Sweep"], **columns: object) -> None:
        if columns.get("next_at", self.next_at) is None:
            lease.row.delete()
        else:
            super().release(lease, **columns)
