"""`manage.py prune`: delete rows whose time is over."""

from typing import Any

from django.core.management.base import BaseCommand

from groups.services import client_counts, snapshots
from groups.services.jobs import bulk_edits, queue
from groups.services.notices import outbox
from poster_admin.users import security_log, sessions

# Names of rows in the output, with the function that deletes them and returns their number.
PRUNED = (
    ("finished rows of the job queue", queue.forget_finished),
    ("rows of killed workers in the job queue", queue.forget_killed),
    ("plans that were not started", bulk_edits.forget_drafts),
    ("snapshots", snapshots.forget_old),
    ("numbers of clients", client_counts.forget_old),
    ("notices", outbox.forget_old),
    ("lines of the security log", security_log.forget_old),
    ("sessions that are over", sessions.forget_over),
)


class Command(BaseCommand):
    """Delete rows by JOB_RESULT_DAYS, SNAPSHOT_DAYS and SECURITY_LOG_DAYS, and sessions that are over."""

    help = "Delete old rows: of jobs, snapshots, notices, the security log, sessions. The history is kept."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print a line for each kind of row."""
        for name, forget in PRUNED:
            self.stdout.write(f"{forget()} {name}")
