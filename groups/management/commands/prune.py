"""`manage.py prune`: delete rows whose time is over."""

from typing import Any

from django.core.management.base import BaseCommand

from groups.services.installation.maintenance import pruned
from groups.services.jobs import queue
from poster_admin.users import security_log, sessions

OF_THE_CORE = {
    "finished rows of the job queue": queue.forget_finished,
    "rows of killed workers in the job queue": queue.forget_killed,
    "lines of the security log": security_log.forget_old,
    "sessions that are over": sessions.forget_over,
}


class Command(BaseCommand):
    """Delete rows by JOB_RESULT_DAYS and SECURITY_LOG_DAYS, sessions that are over, and rows of features."""

    help = "Delete old rows: of jobs, sessions, the security log and features. The history is kept."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for name, forget in (OF_THE_CORE | pruned).items():
            self.stdout.write(f"{forget()} {name}")
