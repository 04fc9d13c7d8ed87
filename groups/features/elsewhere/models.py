"""Define watches: the last known groups of an account, with which the worker compares the next ones."""

from datetime import timedelta

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models import PosterAccount, PosterCredentials
from groups.models.leases import Leased, LeasedQuerySet

# A worker that was killed during a look leaves it to another one after this long.
LONGEST_LOOK = timedelta(minutes=2)


class WatchQuerySet(LeasedQuerySet["Watch"]):
    def on(self) -> "WatchQuerySet":
        """Return the watches with credentials: still those of this account, not of one connected since."""
        return self.filter(credentials__account=F("account"))


class Watch(Leased):
    """The watch of one account for changes that were not made here.

    `credentials` are those of the owner who switched it on; without them nobody looks. The picture was taken
    with the token of this `fingerprint`, because another token may be shown other groups. `picture` is a
    `Picture` of `services/compare.py`; groups are no personal data. A look is made under a lease, so that of
    two workers only one stores what it found.
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
    next_look_at = models.DateTimeField(default=timezone.now)

    objects = WatchQuerySet.as_manager()

    class Meta:
        db_table = "groups_watch"
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.looked_at}"
