"""Define watches: the last known groups of an account, with which the worker compares the next ones."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from groups.models.leases import AGAIN, Columns, Due, DueQuerySet

WATCH_ACCOUNT = "groups.watch_account"


class WatchQuerySet(DueQuerySet["Watch"]):
    def on(self) -> "WatchQuerySet":
        """Return those with credentials, which are still of this account."""
        return self.filter(credentials__account=F("account"))


class Watch(Due):
    """The watch of one account for changes that were not made here, by the owner of the `credentials`.

    `picture`, a `Picture` of `services.py`, was taken with the token of this `fingerprint`: another token may
    be shown other groups.
    """

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="watch", primary_key=True
    )
    credentials = models.ForeignKey(
        PosterCredentials, null=True, on_delete=models.SET_NULL, related_name="watches"
    )
    fingerprint = models.CharField(max_length=64, blank=True)
    picture = models.JSONField(default=dict)
    looked_at = models.DateTimeField(null=True)

    objects = WatchQuerySet.as_manager()
    needs = (WATCH_ACCOUNT,)
    # A refused token is tried again every half hour, and the page of the account says so at once.
    max_wait = timedelta()

    class Meta:
        db_table = "groups_watch"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.looked_at}"

    @property
    def sender(self) -> tuple[int | None, str]:
        return self.credentials.user_id if self.credentials else None, self.account_id

    @property
    def longest_pause(self) -> timedelta:
        # Never sooner than a second poll may confirm the first.
        return timedelta(seconds=max(settings.POSTER_WATCH_SECONDS, settings.POSTER_CONFIRM_SECONDS))

    def after_hold(self, reason: str, now: datetime) -> Columns:
        return {"next_at": now + AGAIN}


class WatchedQuerySet[Row: Watched](DueQuerySet[Row]):
    def watched(self) -> Self:
        return self.filter(watch__credentials__account=F("watch__account"))

    def usable(self) -> Self:
        """Return those whose token Poster has not refused: the watch alone tries it again."""
        return self.watched().filter(watch__credentials__refused_at=None)

    def accounts_due(self, seconds: float) -> list[str]:
        """Make missing rows, and return the accounts whose rows are due; none where `seconds` are 0."""
        if not seconds:
            return []
        new = Watch.objects.on().exclude(pk__in=self.model._default_manager.values("pk"))
        self.bulk_create([self.model(watch=watch) for watch in new], ignore_conflicts=True)
        return list(self.usable().due().values_list("pk", flat=True))


class Watched(Due):
    """Work that is done with the token of a watch, and goes with it; it is due at once."""

    watch = models.OneToOneField(Watch, on_delete=models.CASCADE, related_name="%(class)s", primary_key=True)
    next_at = models.DateTimeField(null=True, default=timezone.now)

    class Meta:
        abstract = True

    @property
    def sender(self) -> tuple[int | None, str]:
        return self.watch.sender
