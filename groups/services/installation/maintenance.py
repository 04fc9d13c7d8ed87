"""Run the routines of a worker: it reconciles open changes, watches jobs, and does what features add.

They have threads because a job may keep the main thread busy for hours. Any number of workers may run: each
check is claimed in the database.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from io import StringIO
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.db import close_old_connections, connections, transaction

from groups.models import Change, WorkerHeartbeat
from groups.services.jobs.lease import stopping
from groups.services.writes import reconcile as reconciling
from groups.services.writes.execute import catch_up
from poster_admin.common.backups import back_up_each_night
from poster_admin.common.outages import ask_shared, first_line, is_outage, optional
from poster_admin.users import security_log, sessions

log = logging.getLogger("groups.journal")

# Seconds between two searches for checks that are due; the first check of a lost write is due after two.
RECONCILE_EVERY = 1.0
LOOK_AFTER_EVERY = 5.0
# Seconds between two checks that the backup of a night is there.
BACK_UP_EVERY = 60.0
CLEAN_UP_EVERY = 24 * 3600.0

type FindNames = Callable[[], Iterable[str]]
"""Returns the names of those that have work now: accounts, or readers of notices."""

routines: list[tuple[str, Callable[[], object], float]] = []
"""Names of steps that each worker repeats in threads of their own, and the pause after the end of each."""
pruned: dict[str, Callable[[], int]] = {}
"""Names of rows whose time is over, each with the function that deletes and counts them."""


def routine[S: Callable[..., Any]](
    name: str, pause: float, for_each: FindNames | None = None
) -> Callable[[S], S]:
    """Let each worker repeat a step; one that runs once takes a lease.

    With `for_each` it has a thread for each of those that have work now: so no account waits for the Poster
    of another one.
    """

    def add(step: S) -> S:
        routines.append((name, thread_for_each(name, for_each, step) if for_each else step, pause))
        return step

    return add


def prune[F: Callable[[], int]](name: str) -> Callable[[F], F]:
    """Let `manage.py prune` delete rows whose time is over; the function returns their number."""

    def add(forget: F) -> F:
        pruned[name] = forget
        return forget

    return add


def start(name: str, step: Callable[[], object], pause: float) -> None:
    threading.Thread(target=repeat, args=(name, step, pause), name=name, daemon=True).start()


def start_in_server() -> None:
    """Store what could not be stored when a change was sent."""
    start("catch up", catch_up, LOOK_AFTER_EVERY)


def repeat(name: str, step: Callable[[], object], pause: float, stop: threading.Event = stopping) -> None:
    while True:
        run_logged(name, step)
        if stop.wait(pause):
            return


def thread_for_each(name: str, find_names: FindNames, work: Callable[[str], object]) -> Callable[[], None]:
    """Return the step that works for each of those that have work in a thread of its own.

    The threads themselves show who is at work: a dead one keeps its account from nothing.
    """
    threads: dict[str, threading.Thread] = {}

    def work_for(each: str) -> None:
        try:
            run_logged(f"{name} {each}", lambda: work(each))
        finally:
            connections.close_all()

    def step() -> None:
        for each in find_names():
            if each not in threads or not threads[each].is_alive():
                title = f"{name} {each}"
                threads[each] = threading.Thread(target=work_for, args=(each,), name=title, daemon=True)
                threads[each].start()

    return step


def run_logged(name: str, step: Callable[[], object]) -> None:
    try:
        close_old_connections()
        try:
            step()
        finally:
            close_old_connections()
    except Exception as error:
        # The database may be away for a while, and each thread fails at each step.
        if is_outage(error):
            log.warning("The thread %r waits: %s", name, first_line(error))
        else:
            log.exception("The thread %r failed and goes on", name)


# --- The steps of the core ----------------------------------------------------------------------------------


@routine("reconcile", RECONCILE_EVERY, reconciling.accounts_due)
def reconcile(account: str) -> None:
    for change in reconciling.reconcile_due(account):
        log.info("Change %s is settled: %s %s", change.pk, change.state, change.reason)


routine("backup", BACK_UP_EVERY)(back_up_each_night)


@routine("clean up", CLEAN_UP_EVERY)
def clean_up() -> None:
    """Do what a timer of systemd does: a container has none."""
    for name, forget in pruned.items():
        if count := forget():
            log.info("prune: %s %s", count, name)
    call_command("audit_history", stdout=(printed := StringIO()))
    for line in printed.getvalue().splitlines():
        log.info("audit_history: %s", line)


prune("lines of the security log")(security_log.forget_old)
prune("sessions that are over")(sessions.forget_over)


def look_after(worker_id: str) -> None:
    """Show that the worker runs, and store what could not be stored when a change was sent."""
    with transaction.atomic():
        if WorkerHeartbeat.objects.beat(worker_id):
            reconciling.bring_checks_forward(Change.objects.all())
    catch_up()


WORKER_ALIVE = "worker-alive"
WORKER_ALIVE_SECONDS = 10


def is_any_alive() -> bool:
    """Return True if a worker was seen within the last minute, or was 10 seconds ago.

    Only that one runs is cached, so pages cost no query with a worker, and are right at once when one starts.
    While the database is away nobody knows: then one is thought to run.
    """
    if ask_shared(lambda: cache.get(WORKER_ALIVE), None):
        return True
    with optional("whether a worker runs"):
        alive = WorkerHeartbeat.objects.alive().exists()
        if alive:
            ask_shared(lambda: cache.set(WORKER_ALIVE, alive, timeout=WORKER_ALIVE_SECONDS), None)
        return alive
    return True
