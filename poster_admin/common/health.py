"""Whether this process runs, and whether it could serve: for load balancers and monitors.

Poster is no part of it. When Poster is away, the pages say so, and taking servers out would not help. Nor are
migrations and keys: those are looked at when a server starts.
"""

import logging

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

log = logging.getLogger("groups.health")
ALIVE = "readyz"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process runs."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether database and cache answer."""
    parts = (("database", _database), ("cache", _cache))
    failed = [name for name, works in parts if not works()]
    text = f"not ready: {', '.join(failed)}\n" if failed else "ok\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=503 if failed else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError:
        log.exception("The database does not answer")
    return False


def _cache() -> bool:
    try:
        cache.set(ALIVE, 1, timeout=10)
        return bool(cache.get(ALIVE))
    except Exception:
        # Each cache has its own exceptions.
        log.exception("The cache does not answer")
    return False
