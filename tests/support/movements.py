"""Movements for tests: an account with two groups of its own, and movements that were found."""

from django.utils import timezone

from groups.features.movements.models import Movement

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


def put_movement(user, client_id, from_id, to_id, reason="elsewhere", *, days_ago=0):
    """Save a movement as a look has found it some days ago."""
    from datetime import timedelta

    now = timezone.now() - timedelta(days=days_ago)
    return Movement.objects.create(
        account=user.credentials.account,
        client_id=client_id,
        from_id=from_id,
        to_id=to_id,
        day=timezone.localdate(now),
        reason=reason,
        found_at=now,
    )
