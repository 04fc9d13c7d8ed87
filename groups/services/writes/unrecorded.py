"""Store the outcome of a change later if the database is away when it is known.

First retry within the deadline of the write; then a thread of this process or the job retries, because no
other process knows the response. If the process ends before that, the row stays pending and is reconciled
like the row of a killed process.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from django.db import close_old_connections

from groups.models import Change
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.journal")

PAUSE = 0.5

type Store = Callable[[], object]

_left: deque[tuple[Change, Store]] = deque()
_lock = threading.Lock()


def write_down(change: Change, step: Store, *, until: float) -> bool:
    """Run a step that stores a change, and retry while the database is away; return True if it is stored.

    After `until` (monotonic clock) leave the step to `catch_up`.
    """
    while not _taken(change, step):
        if time.monotonic() + PAUSE > until:
            _left.append((change, step))
            return False
        time.sleep(PAUSE)
    return True


def catch_up() -> None:
    """Run the remaining steps, except for changes that another process has settled meanwhile."""
    with _lock:
        while _left:
            change, step = _left.popleft()
            try:
                taken = _taken(change, partial(_take_if_ours, change, step))
            except Exception:
                log.exception("Change %s is left to be reconciled", change.pk)
                continue
            if not taken:
                _left.appendleft((change, step))
                return


def _taken(change: Change, step: Store) -> bool:
    try:
        step()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("Change %s cannot be stored: %s", change.pk, type(error).__name__)
        close_old_connections()
        return False
    return True


def _take_if_ours(change: Change, step: Store) -> None:
    if Change.objects.of_attempt(change).exists():
        step()
