"""Run the maintenance thread of a server process, which reconciles open changes and revives jobs."""

import logging
import threading

from django.db import close_old_connections

from groups.services import snapshots
from groups.services.jobs import bulk_edits, queue
from groups.services.writes.reconcile import reconcile_due
from groups.services.writes.unrecorded import catch_up

log = logging.getLogger("groups.journal")

EVERY = 5.0


def start() -> threading.Thread:
    """Start the thread. It ends with the process; the next run completes a round that was cut short."""
    thread = threading.Thread(target=_follow, name="maintenance", daemon=True)
    thread.start()
    return thread


def _follow(stop: threading.Event | None = None) -> None:
    stop = stop or threading.Event()
    while not stop.wait(EVERY):
        close_old_connections()
        try:
            catch_up()
            for change in reconcile_due():
                log.info("Change %s is settled: %s %s", change.pk, change.state, change.reason)
            for job in queue.revive():
                log.info("Job %s continues", job.pk)
            snapshots.forget_old()
            bulk_edits.forget_drafts()
        except Exception:
            # Keep the thread alive: the database may be away for a while.
            log.exception("The maintenance round failed")
        finally:
            close_old_connections()
