"""Say in words what is planned."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from groups.features.schedules.models import Schedule
from groups.poster import GroupValues
from groups.services.values import money_words, percent_words


def planned_words(schedule: Schedule) -> str:
    """Return what is planned, in a sentence."""
    old, new = schedule.base_values, schedule.planned_values
    words = {
        "old": _both(old, new),
        "new": _both(new, old),
        "start": date_format(timezone.localtime(schedule.starts_at), "SHORT_DATETIME_FORMAT"),
    }
    if schedule.ends_at is None:
        return _("%(new)s instead of %(old)s from %(start)s on, without an end.") % words
    words["end"] = date_format(timezone.localtime(schedule.ends_at), "SHORT_DATETIME_FORMAT")
    return _("%(new)s instead of %(old)s from %(start)s until %(end)s, then %(old)s again.") % words


def _both(values: GroupValues, others: GroupValues) -> str:
    words = percent_words(values.percent)
    if values.birthday_bonus == others.birthday_bonus:
        return words
    return _("%(percent)s and %(bonus)s") % {"percent": words, "bonus": money_words(values.birthday_bonus)}
