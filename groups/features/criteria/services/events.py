"""Find the tables that run no more at night, for those who want to be told.

A night that has moved somebody is a job, which is told as any other; one that has moved nobody is not told.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.criteria.models import Criteria
from groups.models import PosterAccount
from groups.services.events import Event, one_line


def find_held(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the tables whose nights were held since a time."""
    for row in Criteria.objects.filter(account=account, held_at__gt=since).exclude(held=""):
        if row.held_at:
            key = f"criteria {account.pk} {row.held_at.isoformat()}"
            yield Event(key, row.held_at, reverse("groups:criteria"), partial(held_words, row))


def held_words(row: Criteria) -> str:
    """Say that a table runs no more at night, and why."""
    text = _("The criteria run no more at night until somebody saves them again.")
    return one_line(text, str(Criteria.Held(row.held).label) if row.held else "")
