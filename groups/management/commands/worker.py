"""Run the queued jobs one at a time, and reconcile open changes in threads beside them.

Any number of workers may run, on any number of machines.
"""

import logging
import time
from functools import partial
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands import db_worker

from groups.services.installation import maintenance
from groups.services.jobs import lease as job_lease
from poster_admin.common import serving
from poster_admin.common.locks import in_use
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.jobs")

# Seconds between two checks of an empty queue.
INTERVAL = 1.0
# Threads for each further queue: a server that does not answer holds one of them up.
BESIDE = 2


class Worker(db_worker.Worker):
    """The library's worker, but it stops soon after SIGTERM; another worker continues its job."""

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        """Release the job after the writes in progress."""
        job_lease.stopping.set()
        super().shutdown(signum, frame)


def new_worker(queue: str, *, batch: bool) -> Worker:
    """With `batch` the worker ends when the queue is empty."""
    return Worker(
        queue_names=[queue],
        excluded_queue_names=[],
        backend_name="default",
        interval=INTERVAL,
        batch=batch,
        startup_delay=False,
        max_tasks=None,
        worker_id=get_random_string(32),
    )


def empty_queue(queue: str) -> None:
    new_worker(queue, batch=True).run()


class Command(BaseCommand):
    """Run the queued jobs and reconcile open changes until SIGTERM or Ctrl-C."""

    help = "Do the jobs that are in the queue, and find the outcome of changes whose answer was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch", action="store_true", help="do only the jobs, and end when the queue is empty"
        )
        parser.add_argument("--parent", type=int, help="the process of `serve`: end soon after it")

    def handle(self, *_args: Any, batch: bool, parent: int | None, **_options: Any) -> None:
        """Apply the migrations, then run jobs; wait while the database is away."""
        if parent:
            serving.end_with_parent(parent)
        with in_use():
            serving.migrate()
            worker = new_worker("default", batch=batch)
            worker.configure_signals()
            if not batch:
                maintenance.start_in_worker(worker.worker_id)
                # Beside the jobs: a job may keep the main thread busy for hours.
                for queue in maintenance.queues * BESIDE:
                    maintenance.start(f"queue of {queue}", partial(empty_queue, queue), INTERVAL)
            while True:
                try:
                    worker.run()
                except Exception as error:
                    if not is_outage(error):
                        raise
                    log.warning("The queue cannot be read: %s", type(error).__name__)
                    connections.close_all()
                    time.sleep(INTERVAL)
                else:
                    return
