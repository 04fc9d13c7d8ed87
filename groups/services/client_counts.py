"""Keep the number of clients of each group, one figure a day, and return the figures of a group.

Nothing is read from Poster for that: the list comes from a look for changes made elsewhere, or is the last
good copy of a list that a page has read. A day on which nobody reads the list has no figure.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from groups.models import ClientCount, GroupsCopy, PosterCredentials
from groups.poster import Group

KEPT = timedelta(days=400)
SHOWN = timedelta(days=90)
BATCH = 500


def keep_of_copies() -> int:
    """Keep the figures of each account whose list was read today and has none yet; return how many."""
    today = timezone.localdate()
    counted = ClientCount.objects.filter(account=OuterRef("credentials__account"), day=today)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    copies = GroupsCopy.objects.of_present_token().filter(~Exists(counted), fetched_at__gte=midnight)
    kept = 0
    for copy in copies.select_related("credentials").order_by("-fetched_at"):
        kept += keep(copy.credentials, map(Group.from_json, copy.groups), copy.fetched_at)
    return kept


def keep(credentials: PosterCredentials, groups: Iterable[Group], as_of: datetime) -> int:
    """Keep the figures of a list for its day, unless the account has some; return how many."""
    day = timezone.localdate(as_of)
    account = credentials.account_id
    if ClientCount.objects.filter(account=account, day=day).exists():
        return 0
    rows = [
        ClientCount(account_id=account, group_id=group.id, day=day, clients=group.clients) for group in groups
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
