"""Put a year behind the demo: figures of 39 weeks and three changes of a percent.

The figures are those that nightly runs would have found in the sandbox. Members come, and in the groups
whose percent was changed the guests buy more or less from that day on: otherwise the sandbox, whose guests
know nothing of percents, would have nothing to show.
"""

import html
import json
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from groups.features.cards.models import KEPT, Finding
from groups.features.cards.services import CardReader
from groups.features.elsewhere.models import Watch
from groups.features.elsewhere.services import switch_on
from groups.features.figures.models import Figure, Tally, yesterday
from groups.models import Change
from groups.poster import ReceiptPage
from poster_admin.devtools.sandbox import Account
from poster_admin.devtools.sandbox.accounts.sales import granted

DAY = timedelta(days=1)
NIGHTS = 39 * 7
FOUND = 7
UNREAD = 17
"""The night that was not read, so many days ago."""
# Group, days ago, percents, foretold cost, and the part by which its guests buy more afterwards.
CHANGES = (
    (1, 210, "5", "7", "2140.00", 1.0),
    (1, 70, "7", "10", "3260.00", 1.16),
    (4, 95, "15", "10", "-890.00", 0.88),
    (9, 60, "3", "5", "410.00", 1.01),
)


def remember(owner: User, account: Account) -> None:
    """Store the year, unless there is one, and switch the watch on with the owner's token."""
    if Figure.objects.exists():
        return
    credentials, last = owner.credentials, yesterday()
    switch_on(credentials)
    Tally.objects.create(watch=Watch.objects.get(), ran_at=timezone.now())
    figures = _nights(account, last - (NIGHTS - 1) * DAY, last)
    for figure in figures:
        figure.account_id = credentials.account_id
    Figure.objects.bulk_create(figures, batch_size=1000)
    for group_id, days_ago, old, new, cost, _more in CHANGES:
        _journal(owner, account, group_id, last - days_ago * DAY, old, new, cost)
    _judge_cards(credentials.account_id, account, last)


def _judge_cards(account_id: str, account: Account, last: date) -> None:
    """Let each night of a month judge the cards, and keep what the last ones have found in single days."""
    for number in range(KEPT - 1, -1, -1):
        day, after = last - number * DAY, 1
        reader = CardReader(account_id)
        query = {"dateFrom": f"{day:%Y%m%d}", "dateTo": f"{day:%Y%m%d}"}
        while rows := json.loads(account.receipts(query | {"status": "2", "next_tr": str(after)})):
            page = ReceiptPage.from_wire(rows).receipts
            for receipt in page:
                reader.add(day, receipt)
            after = page[-1].id
        reader.store(())
    Finding.objects.filter(rule=Finding.Rule.DAY, day__lte=last - FOUND * DAY).delete()


def _joined(client_id: int, first: date) -> date:
    """Return the day on which a client came: one of seven has come since the first night."""
    return first + (client_id * 7919 % NIGHTS) * DAY if client_id % 7 == 0 else date.min


def _more(group_id: int, day: date, last: date) -> float:
    more = 1.0
    for changed, days_ago, _old, _new, _cost, factor in CHANGES:
        if changed == group_id and day > last - days_ago * DAY:
            more *= factor
    return more


def _nights(account: Account, first: date, last: date) -> list[Figure]:
    days = [first + number * DAY for number in range((last - first).days + 1)]
    sums: dict[tuple[int, date], Counter[str]] = {
        (group_id, day): Counter() for group_id in (0, *account.groups) for day in days
    }
    for client in account.clients.rows():
        if client["delete"] != "0":
            continue
        client_id, group_id = int(client["client_id"]), int(client["client_groups_id"])
        joined, gift = _joined(client_id, first), int(account.groups[group_id]["birthday_bonus"])
        birthdays = {day for day in days if f"{day:%m-%d}" == client["birthday"][5:]}
        of_day = defaultdict(list)
        for receipt in account.invented_receipts(client_id, first, last):
            of_day[receipt.day].append(receipt)
        owed = int(client["bonus"]) - account.accrued(client_id, last) - gift * len(birthdays)
        owed += account.accrued(client_id, first - DAY)
        for day in days:
            owed += gift * (day in birthdays)
            of_group, more = sums[group_id, day], _more(group_id, day, last)
            for receipt in of_day[day.toordinal()]:
                owed += granted(receipt.revenue, receipt.percent) - receipt.bonuses
                if day >= joined:
                    revenue = int(receipt.revenue * more)
                    of_group["receipts"] += 1
                    of_group["total"] += int(receipt.total * more)
                    of_group["revenue"] += revenue
                    of_group["granted"] += granted(revenue, receipt.percent)
                    of_group["spent"] += receipt.bonuses
            if day >= joined:
                of_group["clients"] += 1
                of_group["owed"] += owed
                of_group["buyers"] += bool(of_day[day.toordinal()])
    unread = last - UNREAD * DAY
    return [
        Figure(
            group_id=group_id,
            day=day,
            **{name: of_group[name] for name in ("clients", "buyers", "receipts")},
            **{
                name: Decimal(of_group[name]) / 100
                for name in ("owed", "total", "revenue", "granted", "spent")
            },
            # Nobody changes groups; after a night that was not read it is not known.
            moved=None if day in (first, unread + DAY) else 0,
        )
        for (group_id, day), of_group in sums.items()
        if day != unread
    ]


def _journal(owner: User, account: Account, group_id: int, day: date, old: str, new: str, cost: str) -> None:
    """Write a change into the history, as it was made then."""
    row = account.groups[group_id]
    name = html.unescape(row["client_groups_name"])
    values = {
        "name": name,
        "loyalty_type": int(row["loyalty_type"]),
        "birthday_bonus": row["birthday_bonus"].removesuffix("00") or "0",
    }
    before, after = (values | {"percent": percent} for percent in (old, new))
    at = timezone.make_aware(datetime.combine(day, time(11, 20)))
    Change.objects.create(
        account=owner.credentials.account,
        user=owner,
        user_name=owner.get_username(),
        action=Change.Action.UPDATE,
        group_id=group_id,
        group_name=name,
        target=f"group:{group_id}",
        loaded=before,
        before=before | {"id": group_id, "clients": 100},
        intended=after,
        after=after | {"id": group_id, "clients": 100},
        state=Change.State.APPLIED,
        accepted=True,
        created_at=at,
        sent_at=at,
        settled_at=at,
        monthly_cost=Decimal(cost),
    )
