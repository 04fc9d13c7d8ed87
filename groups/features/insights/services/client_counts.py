"""Keep the number of clients of each group, one figure a day, and return the figures of a group.

Nothing is read from Poster for that: the list comes from a look for changes made elsewhere, or is the last
good copy of a list that a page has read. A day on which nobody reads the list has no figure.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from groups.features.insights.models import ClientCount
from groups.models import GroupsCopy, PosterCredentials
from groups.poster import Group

KEPT = timedelta(days=400)
SHOWN = timedelta(days=90)
# Age up to which a list may add groups that the first list of the day has left out.
JUST_READ = timedelta(minutes=3)
BATCH = 500


def keep_counts_of_copies() -> int:
    """Keep the figures of lists that were read today, where none is kept yet; return how many."""
    today = timezone.localdate()
    counted = ClientCount.objects.filter(account=OuterRef("credentials__account"), day=today)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    may_add = Q(~Exists(counted)) | Q(fetched_at__gt=timezone.now() - JUST_READ)
    copies = GroupsCopy.objects.of_present_token().filter(may_add, fetched_at__gte=midnight)
    return sum(
        keep_counts(copy.credentials, map(Group.from_json, copy.groups), copy.fetched_at)
        for copy in copies.select_related("credentials").order_by("-fetched_at")
    )


def keep_counts(credentials: PosterCredentials, groups: Iterable[Group], as_of: datetime) -> int:
    """Keep the figures of a list for its day, except of groups that have one; return how many."""
    its = {"account_id": credentials.account_id, "day": timezone.localdate(as_of)}
    known = set(ClientCount.objects.filter(**its).values_list("group_id", flat=True))
    rows = [
        ClientCount(**its, group_id=group.id, clients=group.clients)
        for group in groups
        if group.id not in known
    ]
    # Another worker may keep the same list at this moment.
    ClientCount.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    return len(rows)


def counts_of(credentials: PosterCredentials, group_id: int) -> list[tuple[date, int]]:
    """Return the days and figures of a group in the last three months, in their order."""
    since = timezone.localdate() - SHOWN
    counts = ClientCount.objects.filter(account=credentials.account_id, group_id=group_id, day__gte=since)
    return list(counts.values_list("day", "clients"))


def forget_old() -> int:
    """Delete the figures that are older than KEPT; return how many."""
    return ClientCount.objects.filter(day__lt=timezone.localdate() - KEPT).delete()[0]
