"""Find what the nights of criteria have done, for those who want to be told.

A night that has moved nobody is not told. The end of its job has one key here and among the jobs, so nobody
hears of it twice.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.criteria.models import KIND, Criteria
from groups.features.criteria.services.nights import what_waits
from groups.models import Change, Job, PosterAccount
from groups.services.events import Event, job_words, key_of_end, one_line
from groups.services.values import clients_words


def find_nights(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the nights that have moved clients or stopped, were left out for a job, or run no more."""
    jobs = Job.objects.filter(account=account, kind=KIND, wanted__is_night=True).order_by()
    for job in jobs.filter(state=Job.State.DONE, finished_at__gt=since):
        moved = Change.objects.filter(job=job, state__in=Change.MADE).count()
        if moved and job.finished_at:
            yield _event_of(job, job.finished_at, partial(moved_words, job, moved))
    for job in jobs.filter(state=Job.State.STOPPED, stopped_at__gt=since):
        if job.stopped_at:
            yield _event_of(job, job.stopped_at, partial(job_words, job))
    for row in Criteria.objects.filter(account=account, held_at__gt=since).exclude(held=""):
        if row.held_at:
            key = f"criteria {account.pk} {row.held_at.isoformat()}"
            yield Event(key, row.held_at, reverse("groups:criteria"), partial(held_words, row))
    for row in Criteria.objects.filter(account=account, left_out_at__gt=since):
        if row.left_out_at:
            key, waits = f"criteria {account.pk} {row.left_out_at.isoformat()}", what_waits(row)
            # Not all readers of the notice may see the request for a run.
            path = waits.get_absolute_url() if isinstance(waits, Job) else reverse("groups:criteria")
            yield Event(key, row.left_out_at, path, left_out_words)


def _event_of(job: Job, at: datetime, text: Callable[[], str]) -> Event:
    return Event(key_of_end(job, at), at, reverse("groups:job", args=[job.pk]), text)


def moved_words(job: Job, moved: int) -> str:
    """Say how many clients a night has moved, out of which groups and into which."""
    words = {"clients": clients_words(moved), "groups": job.group_name, "targets": job.target_name}
    return one_line(_("At night the criteria moved %(clients)s: from %(groups)s to %(targets)s.") % words)


def held_words(row: Criteria) -> str:
    """Say that a table runs no more at night, and why."""
    text = _("The criteria run no more at night until somebody saves them again.")
    return one_line(text, str(Criteria.Held(row.held).label) if row.held else "")


def left_out_words() -> str:
    """Say that a night was left out, and for what."""
    return one_line(_("A night of the criteria was left out: a job of its groups waits for a person."))
