"""Places to be taken by no more than so many at once, over all threads and processes.

On one machine a place is a lock on a file: the kernel takes it back from a process that is killed. With Redis
it is an entry with an end, so it holds on any number of machines. While Redis or the disk is away, each
process counts its own. Those who wait look again every few milliseconds, whichever process they are in, so
that none of them is preferred.
"""

import fcntl
import hashlib
import os
import random
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from groups.deadlines import SKEW
from groups.outages import ask_shared

type Release = Callable[[], object]
SHORTEST_WAIT, LONGEST_WAIT = 0.001, 0.02


class NoPlace(Exception):
    """No place came free in time, or too many are waiting for one."""


@contextmanager
def place(name: str, count: int, *, wait: float, lease: float) -> Iterator[None]:
    """Hold one of `count` places of that name; `lease` bounds how long, in seconds, if this process dies."""
    release = _take(_key(name), count, wait, lease)
    try:
        yield
    finally:
        release()


@lru_cache(maxsize=1000)
def _key(name: str) -> str:
    """Return a name of letters and digits alone: it becomes that of a file."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _take(name: str, count: int, wait: float, lease: float) -> Release:
    until, pause = time.monotonic() + wait, SHORTEST_WAIT
    while (release := _try_take(name, count, lease)) is None:
        if time.monotonic() + pause > until:
            raise NoPlace
        time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311 - so that two do not stay in step
        pause = min(pause * 1.5, LONGEST_WAIT)
    return release


def _try_take(name: str, count: int, lease: float) -> Release | None:
    taken = ask_shared(lambda: (_house().try_take(name, count, lease),), None)
    return _own.try_take(name, count) if taken is None else taken[0]


class Own:
    """Places of this process alone."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def try_take(self, name: str, count: int) -> Release | None:
        with self._lock:
            if self._taken[name] >= count:
                return None
            self._taken[name] += 1
        return lambda: self._give_back(name)

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


_own = Own()


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
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[4], '+inf') -- by a clock that was ahead
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 1000) + 1000)
return 1
"""


class Redis:
    """Places on any number of machines."""

    def __init__(self, url: str, **options: Any) -> None:
        from redis import Redis as Client  # noqa: PLC0415 - installed where it is used

        self._client = Client.from_url(url, **options)
        self._script = self._client.register_script(_TAKE)
        # Places to be given back when Redis answers again; their leases would end them later.
        self._owed: deque[tuple[str, str]] = deque()

    def try_take(self, name: str, count: int, lease: float) -> Release | None:
        self._give_back_owed()
        key, member = f"places:{name}", secrets.token_hex(8)
        longest = settings.POSTER_WRITE_DEADLINE + settings.POSTER_READ_DEADLINE + SKEW.total_seconds()
        try:
            taken = self._script(keys=[key], args=[count, lease, member, longest])
        except Exception:
            self._owed.append((key, member))  # it may be ours, and only the answer be lost
            raise
        return (lambda: self._give_back(key, member)) if taken else None

    def _give_back(self, key: str, member: str) -> None:
        # The call for which the place was taken is done, a write too: no trouble here may end in an error.
        if ask_shared(lambda: self._client.zrem(key, member), None) is None:
            self._owed.append((key, member))

    def _give_back_owed(self) -> None:
        with suppress(IndexError):
            for _ in range(len(self._owed)):
                self._give_back(*self._owed.popleft())


@cache
def _house() -> Files | Redis:
    default = settings.CACHES["default"]
    if "redis" in default["BACKEND"].lower():
        return Redis(default["LOCATION"], **default["OPTIONS"])
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
