"""Show from outside how the process is doing: health, and the time that a request waits for Poster.

When Poster is away, the pages say so, and removing servers would not help. Without a worker pages work.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from poster_admin import VERSION
from poster_admin.common.outages import first_line

log = logging.getLogger("groups.health")


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"ok\nversion {VERSION}\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def readyz(request: HttpRequest, is_worker_alive: Callable[[], bool]) -> HttpResponse:
    failed = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("The database does not answer: %s", first_line(error))
        failed.append("database")
    try:
        cache.set("readyz", 1, timeout=10)
        if not cache.get("readyz"):
            failed.append("cache")
    except Exception as error:  # noqa: BLE001 - each cache backend raises exceptions of its own
        log.warning("The cache does not answer: %s", first_line(error))
        failed.append("cache")
    text = f"not ready: {', '.join(failed)}\n" if failed else "ok\n"
    if "database" not in failed:
        try:
            text += "" if is_worker_alive() else "warning: no worker has been seen for a minute\n"
        except DatabaseError:
            log.exception("A warning cannot be read")  # its table may come with the next migration
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=503 if failed else 200)


class PosterTime:
    """The seconds in which at least one call to Poster was under way."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0
        self._counted_until = 0.0

    def add(self, seconds: float) -> None:
        """Count a call that has just ended; calls may run side by side."""
        now = time.monotonic()
        self.seconds += min(seconds, now - self._counted_until)
        self.calls += 1
        self._counted_until = now


poster_time: ContextVar[PosterTime | None] = ContextVar("poster_time", default=None)
