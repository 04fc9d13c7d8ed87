"""Keep the number of clients that a group had on a day: a worker keeps one figure a day.

Nothing is read from Poster for that: the list comes from a look for changes made elsewhere, or is the last
good copy of a list that a page has read. A day on which nobody reads the list has no figure.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import models
from django.utils import timezone

from groups.models import GroupsCopy, PosterAccount, PosterCredentials
from groups.poster import Group

KEPT = timedelta(days=400)
SHOWN = timedelta(days=90)
JUST_READ = timedelta(minutes=5)
"""Age up to which a list that a page has read is looked at; a worker looks once a minute."""


class ClientCounts(models.Manager["ClientCount"]):
    def keep_of_copies(self) -> int:
        """Keep the figures of lists that pages have just read, where none is kept yet; return how many."""
        copies = GroupsCopy.objects.of_present_token().filter(fetched_at__gt=timezone.now() - JUST_READ)
        return sum(
            self.keep(copy.credentials, map(Group.from_json, copy.groups), copy.fetched_at)
            for copy in copies.select_related("credentials").order_by("-fetched_at")
        )

    def keep(self, credentials: PosterCredentials, groups: Iterable[Group], as_of: datetime) -> int:
        """Keep the figures of a list for its day, except of groups that have one; return how many."""
        its = {"account_id": credentials.account_id, "day": timezone.localdate(as_of)}
        known = set(self.filter(**its).values_list("group_id", flat=True))
        rows = [
            ClientCount(**its, group_id=group.id, clients=group.clients)
            for group in groups
            if group.id not in known
        ]
        # Another worker may keep the same list at this moment.
        self.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        return len(rows)

    def of_group(self, credentials: PosterCredentials, group_id: int) -> list[tuple[date, int]]:
        """Return the days and figures of a group in the last three months, in their order."""
        since = timezone.localdate() - SHOWN
        counts = self.filter(account=credentials.account_id, group_id=group_id, day__gte=since)
        return list(counts.values_list("day", "clients"))

    def forget_old(self) -> int:
        return self.filter(day__lt=timezone.localdate() - KEPT).delete()[0]


class ClientCount(models.Model):
    """The number of clients of one group on one day, in the first list of that day that has the group."""

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="client_counts")
    group_id = models.PositiveIntegerField()
    day = models.DateField()
    clients = models.PositiveBigIntegerField()

    objects = ClientCounts()

    class Meta:
        db_table = "groups_clientcount"
        ordering = ("day",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "group_id", "day"), name="one_count_a_group_and_day"),
        )
        indexes = (models.Index(fields=("account", "day"), name="count_by_day"),)
