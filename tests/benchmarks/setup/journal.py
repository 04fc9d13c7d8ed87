"""Fill a journal with settled changes of an account."""

import uuid
from datetime import timedelta

PEOPLE = ("olena", "taras", "iryna", "bohdan")
ACTIONS = ("update", "update", "update", "create", "remove")
STATES = ("applied", "applied", "applied", "refused", "differs")


def values(number, percent):
    """Return a group's values as the journal keeps them."""
    return {
        "name": f"Група {number:05}",
        "loyalty_type": 2,
        "percent": str(percent),
        "birthday_bonus": "0",
        "use_ewallet": None,
        "id": number,
        "clients": 10,
    }


def fill(account, rows):
    """Write so many rows, twenty for each group, a quarter of an hour between one and the next."""
    from django.utils import timezone

    from groups.models import Change

    now = timezone.now()
    groups = rows // 20
    changes = (
        Change(
            id=uuid.uuid4(),
            account_id=account,
            user_name=PEOPLE[number % len(PEOPLE)],
            action=ACTIONS[number % len(ACTIONS)],
            group_id=number % groups + 1,
            group_name=f"Група {number % groups + 1:05}",
            target=f"group:{number % groups + 1}",
            before=values(number % groups + 1, number % 40),
            intended=values(number % groups + 1, number % 40 + 1),
            after=values(number % groups + 1, number % 40 + 1),
            state=STATES[number % len(STATES)],
            created_at=now - timedelta(minutes=15 * number),
            sent_at=now - timedelta(minutes=15 * number),
            settled_at=now - timedelta(minutes=15 * number),
        )
        for number in range(rows)
    )
    Change.objects.bulk_create(changes, batch_size=1000)
