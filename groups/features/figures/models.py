"""Define the figures of a group and a day, and the row of the nightly run that adds them up."""

from datetime import date, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from groups.features.elsewhere.models import WATCH_ACCOUNT, Watched, WatchedQuerySet
from groups.models import PosterAccount
from groups.models.leases import Nights

HOUR = 6
"""The hour of the run on the site's clock: after the movements, which read all clients too."""
DAY = timedelta(days=1)
NIGHTS = Nights(lambda: settings.FIGURES_SECONDS, lambda: HOUR)


class Tally(Watched):
    """The nightly run of an account. It goes with the watch; the figures stay.

    `lacks_receipts` says that the token of the last run had no right to receipts, and `never_whole` that
    Poster has no way to show all of a day. `members` are the ids of
    the clients by group in the night after `members_on`, until the next one, and nothing else of anybody.
    """

    ran_at = models.DateTimeField(null=True)
    members = models.BinaryField(default=b"")
    members_on = models.DateField(null=True)
    lacks_receipts = models.BooleanField(default=False)
    never_whole = models.BooleanField(default=False)

    objects = WatchedQuerySet["Tally"].as_manager()
    needs = (WATCH_ACCOUNT, "groups.view_client", "groups.view_sales")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.watch_id} {self.ran_at}"

    @property
    def says_why(self) -> bool:
        """Return True if there is a sentence about why the sums of receipts are missing."""
        return self.lacks_receipts or self.never_whole


class Figure(models.Model):
    """The sums of one group on one day, and nothing of anybody; money is in hryvnia.

    The group 0 is that of clients in no group. `clients`, what they have in bonuses (`owed`), and what those
    who changed groups since the night before have brought or taken along (`moved`) are of the night after the
    day, None where that is not known. `buyers` and all that follows is of the day's receipts, None where
    those are not known; `total` is before discounts, and `granted` an estimate.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="figures")
    group_id = models.PositiveIntegerField()
    day = models.DateField()
    clients = models.PositiveIntegerField(null=True)
    owed = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    moved = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    buyers = models.PositiveIntegerField(null=True)
    receipts = models.PositiveIntegerField(null=True)
    total = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    revenue = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    granted = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    spent = models.DecimalField(max_digits=17, decimal_places=2, null=True)

    class Meta:
        ordering = ("day", "group_id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "group_id", "day"), name="one_figure_a_group_and_day"),
        )
        indexes = (models.Index(fields=("account", "day"), name="figure_by_day"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.group_id} {self.day}"


def yesterday() -> date:
    """Return the last day that has ended on the site's clock."""
    return timezone.localdate() - DAY
