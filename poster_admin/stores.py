"""Add to the addresses of the database and the cache what Django and their drivers need besides."""

from pathlib import Path
from typing import Any


def database(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a database with the options of its kind; those of its address take precedence.

    A journal row must survive its request: `poster_admin.common.checks` refuses ATOMIC_REQUESTS.
    """
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        options = {
            # Seconds to wait for a database that another process has locked.
            "timeout": 10,
            **settings.get("OPTIONS", {}),
            # FULL: a journal row is on the disk before its write is sent to Poster.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            "transaction_mode": "IMMEDIATE",
        }
        # Each thread keeps its connection: opening one takes as long as three queries.
        engine = "poster_admin.common.sqlite"
        return {**settings, "ENGINE": engine, "OPTIONS": options, "CONN_MAX_AGE": None}
    # PostgreSQL accepts 100 connections by default, and each process has 64 threads, most of which wait for
    # Poster and hold none meanwhile (`groups.services.limits`). A page waits up to `timeout` seconds
    # for a connection while the database is away. The pool gives up before that, so that the next page makes
    # it try again: else its pauses grow to minutes, and last on when the database is back.
    pool = {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 4}
    # Options in the address, such as `?sslmode=verify-full`, are kept.
    options = {**settings.get("OPTIONS", {}), "pool": pool}
    return {**settings, "OPTIONS": options, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0}


def cache(settings: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return the settings of a cache with the options of its kind; a folder of files is below `base`."""
    options = settings.get("OPTIONS", {})
    if settings["BACKEND"].endswith(".FileBasedCache"):
        # Django keeps 300 files by default, and then throws out any of them: lists that are stale after a
        # write would push out the sums of the day.
        options = {"MAX_ENTRIES": 2000, **options}
        return {**settings, "LOCATION": base / settings["LOCATION"], "OPTIONS": options}
    if settings["BACKEND"].endswith(".RedisCache"):
        from redis import ConnectionError as RedisAway  # noqa: PLC0415 - its package is an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        options = {
            # Seconds: a page goes on without a Redis that does not answer.
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
            # Retry once, immediately: after a restart of Redis the old connections are dead.
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisAway,)),
            **options,
        }
        return {**settings, "OPTIONS": options}
    return settings
