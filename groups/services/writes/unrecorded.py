"""Steps of a change that cannot be written into the journal while the database is away.

It is tried again within the time of the write, then by the follower or the job. If the process ends before
that, the row is as one that a killed process leaves, and is looked after in the same way.
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

type Step = Callable[[], object]

_left: deque[tuple[Change, Step]] = deque()
_lock = threading.Lock()


def write_down(change: Change, step: Step, *, until: float) -> bool:
    """Take a step that writes a change down, again while the database is away; say whether it is written.

    What is not written `until` then, on the monotonic clock, is left for `catch_up`.
    """
    while not _taken(change, step):
        if time.monotonic() + PAUSE > until:
            _left.append((change, step))
            return False
        time.sleep(PAUSE)
    return True


def catch_up() -> None:
    """Write down what is left, of the changes that nobody else has looked after meanwhile."""
    with _lock:
        while _left:
            change, step = _left.popleft()
            try:
                taken = _taken(change, partial(_take_if_ours, change, step))
            except Exception:
                log.exception("Change %s is left to the reconciler", change.pk)
                continue
            if not taken:
                _left.appendleft((change, step))
                return


def _taken(change: Change, step: Step) -> bool:
    try:
        step()
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("Change %s cannot be written down: %s", change.pk, type(error).__name__)
        close_old_connections()
        return False
    return True


def _take_if_ours(change: Change, step: Step) -> None:
    # A form may have been sent once more: that row is not the one of this attempt.
    mine = Change.objects.filter(pk=change.pk, created_at=change.created_at, state=Change.State.PENDING)
    if mine.exists():
        step()
