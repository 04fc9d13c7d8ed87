"""Check that PostgreSQL and Redis are available for tests, and create empty databases."""

import contextlib
import functools
import os
import secrets
from urllib.parse import urlsplit

from tests import environment


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


def _shown(url):
    split = urlsplit(url)
    return f"{split.hostname}:{split.port}"
