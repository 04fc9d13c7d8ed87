"""Planned changes of a group of the seed."""

from datetime import UTC, datetime, time, timedelta

from django.utils import timezone

from groups.features.schedules.models import Schedule
from groups.features.schedules.services import plan_schedule
from groups.services.groups import read_now

HOUR = timedelta(hours=1)
GROUP = 4


def new_plan(user, *, percent="20", starts=HOUR, ends=3 * HOUR, **fields):
    """Return a planned change of a group of the seed, as its form asks for it: it is not saved."""
    now = timezone.now()
    group = read_now(user.credentials, fields.pop("group_id", GROUP)).group
    return Schedule(
        **{
            "account": user.credentials.account,
            "user": user,
            "user_name": user.get_username(),
            "group_id": group.id,
            "group_name": group.name,
            "base": group.values.to_json(),
            "planned": group.values.to_json() | {"percent": percent},
            "starts_at": now + starts,
            "ends_at": None if ends is None else now + ends,
            **fields,
        }
    )


def planned(user, **values):
    """Plan a change of a group of the seed, an hour from now for two hours by default."""
    return plan_schedule(new_plan(user, **values), user.credentials)


def at(hours):
    return timezone.now() + hours * HOUR


def next_day_of(hours):
    """Return the next day after tomorrow that has so many hours on the clock of the site: 23, 24 or 25."""
    zone, day = timezone.get_default_timezone(), timezone.localdate() + timedelta(2)

    def midnight(day):
        return datetime.combine(day, time.min, zone).astimezone(UTC)

    while midnight(day + timedelta(1)) - midnight(day) != timedelta(hours=hours):
        day += timedelta(1)
    return day


def percent_of(sandbox, group_id=GROUP):
    return float(sandbox.accounts["demo"].groups[group_id]["client_groups_discount"])
