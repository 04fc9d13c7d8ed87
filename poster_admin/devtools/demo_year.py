"""Put a year behind the demo: figures of 61 weeks and some changes of percents.

The figures are those that nightly runs would have found in the sandbox. Members come, and in the groups
whose percent was changed the guests buy more or less from that day on: otherwise the sandbox, whose guests
know nothing of percents, would have nothing to show.
"""

import html
import json
import uuid
from collections import Counter
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from groups.features.bulk.services import Edit, EditPlan, PlanLine, keep_plan
from groups.features.cards.models import KEPT, Finding
from groups.features.cards.services import CardReader
from groups.features.elsewhere.models import Watch
from groups.features.elsewhere.services import switch_on
from groups.features.figures.models import Figure, Tally, yesterday
from groups.features.movements.models import Movement, Roll, pack
from groups.features.movements.services import first_day
from groups.models import Change, PosterCredentials
from groups.poster import GroupValues, ReceiptPage
from groups.services.history import undo_command
from groups.services.jobs.queue import run_job, start_draft
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.lag import current_groups
from poster_admin.devtools.sandbox import Account
from poster_admin.devtools.sandbox.accounts.sales import granted

DAY = timedelta(days=1)
NIGHTS = 61 * 7
FOUND = 7
UNREAD = 17
"""The night that was not read, so many days ago."""
# Group, days ago, percents, foretold cost, and the part by which its guests buy more afterwards: one that is
# too large for chance, one that is not, and two of which nobody can say which did what.
CHANGES = (
    (10, 60, "3", "5", "410.00", 1.15),
    (1, 369, "5", "7", "2140.00", 1.0),
    (1, 70, "7", "10", "3260.00", 0.996),
    (4, 95, "15", "12", "-890.00", 0.9),
    (4, 81, "12", "10", "-610.00", 0.95),
)
# Groups without a story: one whose percent is raised today, one where that is taken back, and those of a job.
TODAY = (15, 18)
EDITED = (7, 13, 24)


def remember(owner: User, account: Account) -> None:
    """Store the year, unless there is one, and switch the watch on with the owner's token."""
    if Figure.objects.exists():
        return
    credentials, last = owner.credentials, yesterday()
    switch_on(credentials)
    Tally.objects.create(watch=Watch.objects.get(), ran_at=timezone.now())
    figures = nights_of(account, last - (NIGHTS - 1) * DAY, last)
    for figure in figures:
        figure.account_id = credentials.account_id
    Figure.objects.bulk_create(figures, batch_size=1000)
    _remember_who_came(credentials, account, last)
    for group_id, days_ago, old, new, cost, _more in CHANGES:
        _journal(owner, account, group_id, last - days_ago * DAY, old, new, cost)
    judge_cards(credentials.account_id, account, last)
    _make_changes_of_today(owner)


def _remember_who_came(credentials: PosterCredentials, account: Account, last: date) -> None:
    """Store the clients who have come in the days that are kept, as the nightly polls would have."""
    clients = [row for row in account.clients.rows() if row["delete"] == "0"]
    places = {int(row["client_id"]): int(row["client_groups_id"]) for row in clients}
    first, night = first_day(), timezone.make_aware(datetime.combine(last + DAY, time(5)))
    Roll.objects.create(
        watch=Watch.objects.get(),
        fingerprint=credentials.fingerprint,
        packed=pack(places),
        taken_at=night - settings.MOVEMENT_DAYS * DAY,
        judged_at=night,
        next_at=night + DAY,
    )
    came = {client_id: _joined(client_id, last - (NIGHTS - 1) * DAY) for client_id in places}
    Movement.objects.bulk_create(
        Movement(
            account=credentials.account,
            client_id=each,
            to_id=places[each],
            day=day,
            reason="new",
            found_at=night,
        )
        for each, day in came.items()
        if day >= first and places[each]
    )


def judge_cards(account_id: str, account: Account, last: date) -> None:
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


def nights_of(account: Account, first: date, last: date) -> list[Figure]:
    days = [first + number * DAY for number in range((last - first).days + 1)]
    sums = {group_id: [Counter[str]() for _day in days] for group_id in (0, *account.groups)}
    more = {group_id: [1.0] * len(days) for group_id in sums}
    for group_id, days_ago, *_words, factor in CHANGES:
        for number in range(len(days) - days_ago, len(days)):
            more[group_id][number] *= factor
    for client in account.clients.rows():
        if client["delete"] != "0":
            continue
        client_id, group_id = int(client["client_id"]), int(client["client_groups_id"])
        of_group, factors = sums[group_id], more[group_id]
        came = max((_joined(client_id, first) - first).days, 0)
        # Balances of each night are added up at the end, as are the clients.
        gift = int(account.groups[group_id]["birthday_bonus"])
        gifts = [number for number, day in enumerate(days) if f"{day:%m-%d}" == client["birthday"][5:]]
        owed = int(client["bonus"]) - gift * len(gifts)
        for number in gifts:
            of_group[max(number, came)]["owed"] += gift
        buys = set()
        for receipt in account.invented_receipts(client_id, first, last):
            number = receipt.day - first.toordinal()
            gained = granted(receipt.revenue, receipt.percent) - receipt.bonuses
            of_group[max(number, came)]["owed"] += gained
            owed -= gained
            if number >= came:
                night, factor = of_group[number], factors[number]
                revenue = int(receipt.revenue * factor)
                night["receipts"] += 1
                night["total"] += int(receipt.total * factor)
                night["revenue"] += revenue
                night["granted"] += granted(revenue, receipt.percent)
                night["spent"] += receipt.bonuses
                night["buyers"] += number not in buys
                buys.add(number)
        of_group[came]["owed"] += owed
        of_group[came]["clients"] += 1
    for nights in sums.values():
        for before, night in pairwise(nights):
            night["owed"] += before["owed"]
            night["clients"] += before["clients"]
    unread = last - UNREAD * DAY
    return [
        Figure(
            group_id=group_id,
            day=day,
            **{name: night[name] for name in ("clients", "buyers", "receipts")},
            **{name: Decimal(night[name]) / 100 for name in ("owed", "total", "revenue", "granted", "spent")},
            # Nobody changes groups; after a night that was not read it is not known.
            moved=None if day in (first, unread + DAY) else 0,
        )
        for group_id, nights in sums.items()
        for day, night in zip(days, nights, strict=True)
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


def _make_changes_of_today(owner: User) -> None:
    """Let the owner change one group, change another one and take that back, and edit three in a job."""
    credentials = owner.credentials
    groups = {group.id: group for group in current_groups(credentials).groups}

    def raised(group_id: int, **more: int) -> GroupValues:
        values = groups[group_id].values
        return values.replace(**{name: getattr(values, name) + step for name, step in more.items()})

    _kept, taken_back = [
        execute(
            UpdateGroup(
                operation=uuid.uuid4(),
                credentials=credentials,
                group_id=group_id,
                loaded=groups[group_id].values,
                intended=raised(group_id, percent=1),
            )
        )
        for group_id in TODAY
    ]
    execute(undo_command(taken_back, credentials))
    edited = (groups[group_id] for group_id in EDITED)
    lines = [
        PlanLine.of(number, raised(group.id, birthday_bonus=25), group)
        for number, group in enumerate(edited, 1)
    ]
    job = keep_plan(credentials, Edit, EditPlan(tuple(lines)))
    start_draft(job, owner)
    run_job(job.pk)
