"""Report to load balancers and monitors whether the process runs, and whether it can serve.

Poster is not checked: when Poster is away, the pages say so, and removing servers would not help. Migrations
and keys are not checked either: a server checks them when it starts. A missing worker is only a warning: the
pages work without one.
"""

import logging
from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from poster_admin.common.outages import first_line
from poster_admin.version import VERSION

log = logging.getLogger("groups.health")
ALIVE = "readyz"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process runs, and tell its version."""
    return HttpResponse(f"ok\nversion {VERSION}\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def readyz(request: HttpRequest, warning: Callable[[], str]) -> HttpResponse:
    """Report whether the database and the cache answer; below that, a warning if there is one."""
    parts = (("database", database_answers), ("cache", cache_answers))
    failed = [name for name, works in parts if not works()]
    text = f"not ready: {', '.join(failed)}\n" if failed else "ok\n"
    words = ""
    if "database" not in failed:
        try:
            words = warning()
        except DatabaseError:
            log.exception("A warning cannot be read")  # its table may come with the next migration
    text += f"warning: {words}\n" if words else ""
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=503 if failed else 200)


def database_answers() -> bool:
    """Return True if the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError as error:
        log.warning("The database does not answer: %s", first_line(error))
    return False


def cache_answers() -> bool:
    """Return True if the cache keeps a value."""
    try:
        cache.set(ALIVE, 1, timeout=10)
        return bool(cache.get(ALIVE))
    except Exception as error:  # noqa: BLE001 - each cache backend raises exceptions of its own
        log.warning("The cache does not answer: %s", first_line(error))
    return False
