"""Find the events of the nights of criteria that users are notified of.

A night that has moved nobody is no event. The end of its job has the same key here as among the jobs, so
nobody is notified of it twice.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.criteria.models import KIND, Criteria
from groups.features.criteria.services.nights import what_holds, what_waits
from groups.models import Change, Job, PosterAccount
from groups.services.events import Event, event_source, job_words, key_of_end, one_line
from groups.services.values import clients_words


@event_source("criteria", gettext_lazy("The criteria moved clients at night, or no longer do so"))
def find_nights(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the nights that have moved clients or stopped, were left out, or no longer take place."""
    jobs = Job.objects.filter(account=account, kind=KIND, wanted__is_night=True).order_by()
    for job in jobs.filter(state=Job.State.DONE, finished_at__gt=since):
        moved = Change.objects.filter(job=job, state__in=Change.MADE).count()
        if moved and job.finished_at:
            key, text = key_of_end(job, job.finished_at), partial(moved_words, job, moved)
            yield Event(key, job.finished_at, job.get_absolute_url(), text)
    for job in jobs.filter(state=Job.State.STOPPED, stopped_at__gt=since):
        if job.stopped_at:
            key = key_of_end(job, job.stopped_at)
            yield Event(key, job.stopped_at, job.get_absolute_url(), partial(job_words, job))
    for row in Criteria.objects.filter(account=account):
        url, key = reverse("groups:criteria"), f"criteria {account.pk}"
        if row.held and row.held_at and row.held_at > since:
            yield Event(f"{key} {row.held_at.isoformat()}", row.held_at, url, partial(held_words, row))
        if row.left_out_at and row.left_out_at > since:
            waits = what_waits(row)
            # Not all readers of the notice may see the request for a run.
            stopped = waits if isinstance(waits, Job) else None
            cause, words = (stopped, left_out_words) if waits else (what_holds(row), held_up_words)
            path = cause.get_absolute_url() if cause else url
            yield Event(f"{key} {row.left_out_at.isoformat()}", row.left_out_at, path, words)


def moved_words(job: Job, moved: int) -> str:
    """Say how many clients a night has moved, out of which groups and into which."""
    words = {"clients": clients_words(moved), "groups": job.group_name, "targets": job.target_name}
    return one_line(_("At night the criteria moved %(clients)s: from %(groups)s to %(targets)s.") % words)


def held_words(row: Criteria) -> str:
    """Say that a table no longer runs at night, and why."""
    text = _("The criteria will not run at night until somebody saves them again.")
    return one_line(text, row.get_held_display())


def left_out_words() -> str:
    """Say that a night was left out, and for what."""
    return one_line(_("A night of the criteria was left out: a job of its groups waits for a person."))


def held_up_words() -> str:
    """Say that a night was left out for something that nobody had to decide."""
    return one_line(_("A night of the criteria was left out: another job or a removal held its groups."))
