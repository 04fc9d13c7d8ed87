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
            _migrate(f"sqlite:///{new}")
            new.rename(path)
    return path


@contextlib.contextmanager
def empty_database(url, template="template0"):
    """Create a database beside the one of the address, and drop it afterwards."""
    import psycopg

    name = f"poster_admin_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" ENCODING \'UTF8\' TEMPLATE "{template}"')
        try:
            yield _beside(url, name)
        finally:
            _drop(server, name)


def migrated_database(url):
    """Create a migrated database beside the one of the address, and drop it afterwards."""
    return empty_database(url, migrated_template(url))


@functools.cache
def migrated_template(url):
    """Return the name of a migrated PostgreSQL database to copy, made once for all processes of a run."""
    import psycopg

    name = f"{environment.SCRATCH.name}_template"
    with made_once("template") as (path, is_new):
        if is_new:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
            _migrate(_beside(url, name))
            path.touch()
    return name


def drop_template():
    """Drop the database that was copied, at the end of a run that has made one."""
    import psycopg

    if (environment.SCRATCH / "template").exists():
        with psycopg.connect(environment.POSTGRES_URL, autocommit=True) as server:
            _drop(server, f"{environment.SCRATCH.name}_template")


def _migrate(url):
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"],
        cwd=environment.ROOT,
        env={**environment.inherited(), "DEBUG": "True", "DATABASE_URL": url},
        check=True,
    )


def _beside(url, name):
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _drop(server, name):
    server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _shown(url):
    split = urlsplit(url)
    return f"{split.hostname}:{split.port}"
