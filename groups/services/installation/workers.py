"""Tell whether a worker runs. Without one, jobs and changes whose outcome is not known stand still."""

from django.core.cache import cache

from groups.models import WorkerHeartbeat
from poster_admin.common.outages import ask_shared, optional

CACHE_KEY = "worker-alive"
CACHE_SECONDS = 10


def is_any_alive() -> bool:
    """Return True if a worker was seen within the last minute, or was 10 seconds ago.

    Only that one runs is cached, so pages cost no query with a worker, and are right at once when one starts.
    While the database is away nobody can tell: then one is thought to run.
    """
    if ask_shared(lambda: cache.get(CACHE_KEY), None):
        return True
    with optional("whether a worker runs"):
        alive = WorkerHeartbeat.objects.alive().exists()
        if alive:
            ask_shared(lambda: cache.set(CACHE_KEY, alive, timeout=CACHE_SECONDS), None)
        return alive
    return True


def warning() -> str:
    """Return a warning for `/readyz` if no worker runs; an empty text if one does."""
    return "" if WorkerHeartbeat.objects.alive().exists() else "no worker has been seen for a minute"
