"""Whether this process runs, and whether it could serve: for load balancers and monitors.

Poster is no part of it. When Poster is away, the pages say so, and taking servers out would not help.
"""

import logging
import threading

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from groups.crypto import unreadable

log = logging.getLogger("groups.health")
_done = threading.Event()
ALIVE = "readyz"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether database and cache answer, no migration is missing, and the keys fit."""
    parts = (("database", _database), ("cache", _cache), ("migrations", _migrated), ("keys", _keys))
    failed = [name for name, works in parts if not works()]
    text = f"not ready: {', '.join(failed)}\n" if failed else "ok\n"
    return HttpResponse(text, content_type="text/plain", status=503 if failed else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError:
        log.exception("The database does not answer")
    return False


def _migrated() -> bool:
    """Say whether the database is as this version needs it; asked no more once it is."""
    if not _done.is_set():
        try:
            executor = MigrationExecutor(connection)
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
                _done.set()
        except DatabaseError:
            return False
    return _done.is_set()


def _keys() -> bool:
    """Say whether POSTER_TOKEN_KEYS are those of this database: one secret that they open is enough."""
    total, lost = unreadable() or (0, [])
    if total and len(lost) == total:
        log.error("POSTER_TOKEN_KEYS open none of the %s stored secrets", total)
        return False
    return True


def _cache() -> bool:
    try:
        cache.set(ALIVE, 1, timeout=10)
        return bool(cache.get(ALIVE))
    except Exception:
        # Each cache has its own exceptions.
        log.exception("The cache does not answer")
    return False
