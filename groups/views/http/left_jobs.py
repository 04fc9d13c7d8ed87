"""Tell users on their next page that a job has ended after they left its own page.

The session has the ids of the jobs that they saw under way.
"""

from typing import Any

from django.http import HttpRequest

from groups.models import Job
from groups.presenters.changes.toasts import Toast
from groups.presenters.job_page import job_toast
from poster_admin.common.outages import optional

KEY = "jobs_under_way"


def remember(request: HttpRequest, job: Job) -> None:
    """Remember a job that its page shows under way; forget it once the page shows that it is not."""
    known = request.session.get(KEY, [])
    others = [each for each in known if each != str(job.pk)]
    seen = [*others, str(job.pk)] if job.is_active and job.user_id == request.user.pk else others
    if seen != known:
        request.session[KEY] = seen


def toasts_of(request: HttpRequest, user: Any) -> list[Toast]:
    """Return the message about a job that is no longer under way: one a page, and each job once."""
    known = request.session.get(KEY, [])
    if not known:
        return []
    with optional("which jobs have ended"):
        mine = Job.objects.filter(pk__in=known, user=user)
        job = mine.exclude(state__in=Job.ACTIVE).order_by("finished_at").first()
        if job is not None:
            request.session[KEY] = [each for each in known if each != str(job.pk)]
            return [job_toast(job, user)]
    return []
