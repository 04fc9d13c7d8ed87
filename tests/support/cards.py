"""Cards for tests: receipts of one card, and what a run has found."""

from django.utils import timezone

from groups.features.cards.models import CardUse, Finding
from groups.features.figures.models import yesterday
from tests.support.figures import DAY


def sell(console, client_id, day, times=1, *, waiter=1, **more):
    """Let a card be on so many receipts of a day, ten minutes apart, in cash if nothing else is said."""
    for number in range(times):
        console.sell(client_id, day, 9_000, 9_000, minute=600 + 10 * number, waiter=waiter, **more)


def found():
    """Return what is kept as found: client, rule, waiter, day, receipts."""
    rows = Finding.objects.order_by("client_id", "rule", "day", "waiter_id")
    return list(rows.values_list("client_id", "rule", "waiter_id", "day", "receipts"))


def put_use(user, client_id, days_ago=1, *, waiter_id=1, receipts=1, in_cash=0, **given):
    """Save a use as a run has stored it."""
    return CardUse.objects.create(
        account=user.credentials.account,
        day=timezone.localdate() - days_ago * DAY,
        client_id=client_id,
        waiter_id=waiter_id,
        receipts=receipts,
        in_cash=in_cash,
        **given,
    )


def put_finding(user, client_id=5, rule="day", *, waiter_id=1, day=None, since=None, receipts=5, given="1"):
    """Save a finding as a run has stored it now."""
    day = day or yesterday()
    return Finding.objects.create(
        account=user.credentials.account,
        client_id=client_id,
        rule=rule,
        waiter_id=waiter_id,
        day=day,
        since=since or day,
        receipts=receipts,
        given=given,
        found_at=timezone.now(),
    )
