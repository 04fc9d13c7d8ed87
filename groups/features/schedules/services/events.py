"""Find the planned changes that were held or missed, for those who want to be told."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.schedules.models import Schedule
from groups.models import PosterAccount
from groups.services.events import Event, one_line


def find_schedules(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the planned changes that were held or missed; one that was taken up again may be held again."""
    rows = Schedule.objects.filter(account=account, ended_at__gt=since)
    states = (Schedule.State.HELD, Schedule.State.MISSED)
    for schedule in rows.filter(state__in=states).order_by():
        at = schedule.ended_at or schedule.created_at
        key = f"schedule {schedule.pk} {schedule.state} {at.isoformat()}"
        url = reverse("groups:schedules")
        yield Event(key, at, url, partial(schedule_words, schedule))


def schedule_words(schedule: Schedule) -> str:
    """Say that a planned change was held or missed, and why."""
    words = {"group": schedule.group_name}
    if schedule.state == Schedule.State.MISSED:
        text = _("A planned change of “%(group)s” was missed.") % words
    else:
        text = _("A planned change of “%(group)s” is held: a person has to decide.") % words
    return one_line(text, str(Schedule.Reason(schedule.reason).label))
