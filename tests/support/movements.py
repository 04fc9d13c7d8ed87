"""Movements for tests: an account with two groups of its own, and what looks have found in it."""

from datetime import timedelta

from django.utils import timezone

from groups.features.elsewhere.models import Watch
from groups.features.movements.models import Movement, Roll

GUESTS, GOLD = 71, 72


def put_groups(sandbox):
    """Add two empty groups, of guests and of gold, to the account `demo`."""
    for group_id, name in ((GUESTS, "Гості"), (GOLD, "Золото")):
        sandbox.console().put(
            {
                "client_groups_id": str(group_id),
                "client_groups_name": name,
                "loyalty_type": "2",
                "client_groups_discount": "5",
                "birthday_bonus": "0",
                "count_groups_clients": "0",
            }
        )
    return sandbox


def watched(user, *, days=5):
    """Switch the watch on, and let the first look have been so many days ago; without one if None."""
    credentials = user.credentials
    watch = Watch.objects.create(account=credentials.account, credentials=credentials)
    now = timezone.now()
    times = {} if days is None else {"taken_at": now - timedelta(days=days), "judged_at": now}
    return Roll.objects.create(watch=watch, fingerprint=credentials.fingerprint, **times)


def put_movement(user, client_id, from_id, to_id, reason="elsewhere", *, days_ago=0, change=None):
    """Save a movement as a look has found it some days ago."""
    found_at = timezone.now() - timedelta(days=days_ago)
    return Movement.objects.create(
        account=user.credentials.account,
        client_id=client_id,
        from_id=from_id,
        to_id=to_id,
        day=timezone.localdate(found_at),
        reason=reason,
        change=change,
        found_at=found_at,
    )
