"""Places to be taken by no more than so many at once, over all threads and processes.

On one machine a place is a lock on a file: the kernel takes it back from a process that is killed. With Redis
it is an entry with an end, so it holds on any number of machines. Those who wait look again every few
milliseconds, whichever process they are in, so that none of them is preferred.
"""

import fcntl
import hashlib
import logging
import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings

log = logging.getLogger("groups.places")

type Release = Callable[[], object]
SHORTEST_WAIT, LONGEST_WAIT = 0.001, 0.02


class NoPlace(Exception):
    """No place came free in time, or too many are waiting for one."""


@contextmanager
def place(name: str, count: int, *, wait: float, lease: float) -> Iterator[None]:
    """Hold one of `count` places of that name; `lease` bounds how long, in seconds, if this process dies."""
    release = _take(_house(), _key(name), count, wait, lease)
    try:
        yield
    finally:
        release()


@lru_cache(maxsize=1000)
def _key(name: str) -> str:
    """Return a name of letters and digits alone: it becomes that of a file."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _take(house: "Files | Redis", name: str, count: int, wait: float, lease: float) -> Release:
    until, pause = time.monotonic() + wait, SHORTEST_WAIT
    while (release := house.try_take(name, count, lease)) is None:
        if time.monotonic() + pause > until:
            raise NoPlace
        time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311 - so that two do not stay in step
        pause = min(pause * 1.5, LONGEST_WAIT)
    return release


class Files:
    """Places on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)  # a path is slow to join
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def try_take(self, name: str, count: int, lease: float) -> Release | None:
        for number in range(count):
            file = os.open(f"{self._directory}/{name}.{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                return lambda file=file: os.close(file)  # type: ignore[misc]  # mypy infers no default of a lambda
        return None


_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 1000) + 1000)
return 1
"""


class Redis:
    """Places on any number of machines."""

    def __init__(self, url: str) -> None:
        from redis import Redis as Client  # noqa: PLC0415 - installed where it is used
        from redis import RedisError  # noqa: PLC0415 - as above

        self._error = RedisError
        self._client = Client.from_url(url)
        self._script = self._client.register_script(_TAKE)

    def try_take(self, name: str, count: int, lease: float) -> Release | None:
        key, member = f"places:{name}", secrets.token_hex(8)
        if not self._script(keys=[key], args=[count, lease, member]):
            return None
        return lambda: self._give_back(key, member)

    def _give_back(self, key: str, member: str) -> None:
        try:
            self._client.zrem(key, member)
        except self._error:
            # What the place was for is done, a write too; its lease ends by itself.
            log.exception("A place could not be given back")


@cache
def _house() -> Files | Redis:
    location = settings.CACHES["default"].get("LOCATION")
    if "redis" in settings.CACHES["default"]["BACKEND"].lower():
        return Redis(location)
    return Files(settings.VAR_DIR / "places")


class Room:
    """How many threads of this process wait for Poster: asking, waiting to ask, or waiting for one who asks.

    They are bounded in all; for a person, so that who asks a lot is in nobody's way; and those who ask for an
    account, so that nobody waits behind too many.
    """

    def __init__(self, *, in_all: int, of_person: int, of_account: int) -> None:
        self._bounds = {"all": in_all, "person": of_person, "account": of_account}
        self._inside: Counter[tuple[str, object]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def entered(self, person: int, *, account: str = "") -> Iterator[None]:
        """Be in the room; who asks names the account. Raises `NoPlace` where it is full."""
        keys: list[tuple[str, object]] = [("all", ""), ("person", person)]
        if account:
            keys.append(("account", account))
        with self._lock:
            if any(self._inside[key] >= self._bounds[key[0]] for key in keys):
                raise NoPlace
            self._inside.update(keys)
        try:
            yield
        finally:
            with self._lock:
                self._inside.subtract(keys)
                self._inside += Counter()  # only what is above zero stays
