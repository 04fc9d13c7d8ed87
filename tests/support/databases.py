"""Check that PostgreSQL and Redis are available for tests, and create databases."""

import contextlib
import fcntl
import functools
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import environment


@functools.cache
def needed_but_away():
    """Return a text that names the services that do not answer, or None."""
    import psycopg
    import redis

    away = []
    try:
        psycopg.connect(environment.POSTGRES_URL, connect_timeout=2).close()
    except psycopg.Error:
        away.append(f"PostgreSQL does not answer at {_shown(environment.POSTGRES_URL)} (TEST_DATABASE_URL)")
    try:
        with redis.Redis.from_url(environment.REDIS_URL, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError:
        away.append(f"Redis does not answer at {_shown(environment.REDIS_URL)} (TEST_CACHE_URL)")
    return " and ".join(away) or None


@contextlib.contextmanager
def made_once(name):
    """Yield the path of a file that all processes of a run share, and whether it is still to be made."""
    path = environment.SCRATCH / name
    with Path(f"{path}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path, not path.exists()


@functools.cache
def migrated():
    """Return a migrated SQLite database to copy, made once for all processes of a run: it takes seconds."""
    with made_once("migrated.sqlite3") as (path, is_new):
        if is_new:
            new = path.with_suffix(".new")
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"],
                cwd=environment.ROOT,
                env={**environment.inherited(), "DEBUG": "True", "DATABASE_URL": f"sqlite:///{new}"},
                check=True,
            )
            new.rename(path)
    return path


@contextlib.contextmanager
def empty_database(url):
    """Create a database beside the one of the address, and drop it afterwards."""
    import psycopg

    name = f"poster_admin_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def migrated_database(url):
    """Create a migrated database beside the one of the address, and drop it afterwards.

    One process of a run migrates its own, and dumps it for those that come later: it takes seconds.
    """
    with empty_database(url) as new:
        with made_once("migrated.dump") as (path, is_new):
            if is_new:
                subprocess.run(
                    [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"],
                    cwd=environment.ROOT,
                    env={**environment.inherited(), "DEBUG": "True", "DATABASE_URL": new},
                    check=True,
                )
                half = path.with_suffix(".new")
                subprocess.run(["pg_dump", "--format=custom", f"--file={half}", new], check=True)
                half.rename(path)
        if not is_new:
            subprocess.run(["pg_restore", f"--dbname={new}", str(path)], check=True)
        yield new


def _shown(url):
    split = urlsplit(url)
    return f"{split.hostname}:{split.port}"
