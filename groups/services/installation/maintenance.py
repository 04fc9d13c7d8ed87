"""Run the threads of a worker that reconcile open changes and look after jobs, and the thread of a server.

A worker has threads for that because a job may keep its main thread busy for hours. It is the one place that
reconciles on its own; `manage.py reconcile` does the same once. Any number of workers may run: each check is
claimed in the database.
"""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from groups.models import Change, LeftOutFeature, WorkerHeartbeat
from groups.services.installation.routines import Routine, routines
from groups.services.installation.side_by_side import SideBySide, survive
from groups.services.jobs import queue
from groups.services.jobs.lease import stopping
from groups.services.writes import reconcile as reconciling
from groups.services.writes.unrecorded import catch_up

log = logging.getLogger("groups.journal")

# Seconds between two looks for checks that are due; the first check of a lost write is due after two.
RECONCILE_EVERY = 1.0
LOOK_AFTER_EVERY = 5.0


def start_in_worker(worker_id: str) -> None:
    """Start the threads of a worker. They end with the process; another run completes what was cut short."""
    start("look after", lambda: look_after(worker_id), LOOK_AFTER_EVERY)
    for routine in routines:
        step = routine.step
        if routine.accounts is not None:
            step = SideBySide(routine.name, routine.accounts, step)
        start(routine.name, step, routine.pause)


def start_in_server() -> None:
    """Start the thread that stores what this process could not store when it sent a change, and no more."""
    start("catch up", catch_up, LOOK_AFTER_EVERY)


def reconcile(account: str | None = None) -> None:
    """Check the changes that are due, of one account or of all, and log those that are settled."""
    for change in reconciling.reconcile_due(account):
        log.info("Change %s is settled: %s %s", change.pk, change.state, change.reason)


def look_after(worker_id: str) -> None:
    """Store the worker's heartbeat, and the features that it runs without; continue abandoned jobs."""
    with transaction.atomic():
        if WorkerHeartbeat.objects.beat(worker_id):
            reconciling.bring_checks_forward(Change.objects.all())
        LeftOutFeature.objects.beat(settings.FEATURES_OFF)
    catch_up()
    for job in queue.revive():
        log.info("Job %s continues", job.pk)


routines += (Routine("reconcile", reconcile, RECONCILE_EVERY, reconciling.accounts_due),)


def start(name: str, step: Callable[[], object], pause: float) -> threading.Thread:
    """Start a thread that repeats a step."""
    thread = threading.Thread(target=repeat, args=(name, step, pause), name=name, daemon=True)
    thread.start()
    return thread


def repeat(name: str, step: Callable[[], object], pause: float, stop: threading.Event = stopping) -> None:
    """Run a step at once and then after each pause, until the process has to stop; survive every error."""
    while True:
        survive(name, step)
        if stop.wait(pause):
            return
