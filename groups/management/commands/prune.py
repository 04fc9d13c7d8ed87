"""`manage.py prune`: delete rows whose time is over."""

from typing import Any

from django.core.management.base import BaseCommand

from groups.services.installation.maintenance import forget_tasks, pruned
from poster_admin.users import security_log, sessions

OF_THE_CORE = {
    "rows of tasks": forget_tasks,
    "lines of the security log": security_log.forget_old,
    "sessions that are over": sessions.forget_over,
}


class Command(BaseCommand):
    """Delete rows by JOB_RESULT_DAYS and SECURITY_LOG_DAYS, sessions that are over, and rows of features."""

    help = "Delete old rows: of tasks, sessions, the security log and features. The history is kept."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for name, forget in (OF_THE_CORE | pruned).items():
            self.stdout.write(f"{forget()} {name}")
