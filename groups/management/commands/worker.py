"""Run the jobs that are due one at a time, and reconcile open changes in threads of their own.

Any number of workers may run, on any number of machines.
"""

import signal
import sys
import time
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.crypto import get_random_string

from groups.services.installation import maintenance
from groups.services.jobs import queue
from groups.services.jobs.lease import stopping
from poster_admin.common import serving
from poster_admin.common.locks import in_use

# Seconds between two checks for a job that is due.
INTERVAL = 1.0


def end(*_: object) -> None:
    """Release the job after the writes in progress; a second time, end at once."""
    if stopping.is_set():
        sys.exit(1)
    stopping.set()


class Command(BaseCommand):
    help = "Do the jobs that are due, and find the outcome of changes whose answer was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", action="store_true", help="do only the jobs, and end when none is due")
        parser.add_argument("--parent", type=int, help="the process of `serve`: end soon after it")

    def handle(self, *_args: Any, batch: bool, parent: int | None, **_options: Any) -> None:
        """Apply the migrations, then run jobs; wait while the database is away."""
        if parent:
            serving.end_with_parent(parent)
        with in_use():
            serving.migrate()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, end)
            if batch:
                queue.run_due_jobs()
                return
            look_after = partial(maintenance.look_after, get_random_string(32))
            maintenance.start("look after", look_after, maintenance.LOOK_AFTER_EVERY)
            for name, step, pause in maintenance.routines:
                maintenance.start(name, step, pause)
            while not stopping.is_set():
                maintenance.run_logged("jobs", queue.run_due_jobs)
                time.sleep(INTERVAL)  # a wait for the event could deadlock with the signal that sets it
