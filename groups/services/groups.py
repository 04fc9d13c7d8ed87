"""Read the groups of a connection: fresh, from the cache, or the last good copy while Poster is away."""

import math
import random
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache, caches
from django.utils import timezone

from groups.deadlines import is_past
from groups.metrics import LISTS
from groups.models import Connection, GroupsCopy
from groups.outages import ask_shared, optional
from groups.poster import (
    BadAnswer,
    Group,
    GroupList,
    PosterError,
    Unreachable,
    UnreadableRow,
)
from groups.poster.records import fold
from groups.services.gate import together
from groups.services.upstream import ask

COPY_LIFE = timedelta(hours=24)
COPY_STEP = 30, 60
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of an account at a moment; `failure` is why this is only the last good copy."""

    groups: tuple[Group, ...]
    unreadable: tuple[UnreadableRow, ...]
    as_of: datetime
    failure: PosterError | None = None
    digest: str = ""

    def find(self, group_id: int) -> Group | None:
        return next((group for group in self.groups if group.id == group_id), None)

    def named(self, name: str, *, but: int | None = None) -> list[Group]:
        """Return the groups of a name, however it is written, apart from the one with the id `but`."""
        folded = fold(name)
        return [group for group in self.groups if group.id != but and fold(group.name) == folded]


@dataclass(frozen=True, slots=True)
class OneGroup:
    """One group at a moment, and why it is not a fresh one."""

    group: Group
    as_of: datetime
    failure: PosterError | None = None


def list_groups(connection: Connection, *, fresh: bool = False) -> Groups:
    """Return the groups, without removed ones.

    They may be POSTER_CACHE_SECONDS old unless `fresh`, or unless Poster has refused the token: what is
    remembered here is not for its user then. While Poster fails, it is the last good copy of this very token;
    without one, and after a refusal, the `PosterError` is raised.
    """
    try:
        if fresh or connection.refused_at:
            return _ask_for_all(connection)
        found = _recent(connection)
        if found is not None:
            LISTS.labels("memory").inc()
            return found
        return together(
            _cache_key(connection, "all"),
            connection.account_id,
            connection.user_id,
            lambda: _recent(connection),
            lambda: _ask_for_all(connection),
            shared=connection.fingerprint if settings.POSTER_CACHE_SECONDS > 0 else "",
        )
    except (Unreachable, BadAnswer) as error:
        copy = _last_good_copy(connection)
        if copy is None:
            raise
        LISTS.labels("copy").inc()
        return replace(copy, failure=error)


def _ask_for_all(connection: Connection) -> Groups:
    answer = ask(connection, lambda poster: poster.get_groups())
    LISTS.labels("poster").inc()
    groups = _shown(answer, timezone.now())
    _share(connection, answer, groups)
    _keep_copy(connection, answer, groups.as_of)
    return groups


def _shown(answer: GroupList, as_of: datetime) -> Groups:
    return Groups(answer.present, answer.unreadable, as_of, digest=answer.digest)


def read_group(connection: Connection, group_id: int, *, fresh: bool = False) -> OneGroup:
    """Return one group to look at, as fresh as `list_groups` and with the same copy. Raises `NotFound`."""
    remembered = None if fresh or connection.refused_at else _cached(_cache_key(connection, str(group_id)))
    if remembered is not None:
        return remembered
    try:
        return read_now(connection, group_id)
    except (Unreachable, BadAnswer) as error:
        copy = _last_good_copy(connection)
        group_then = copy and copy.find(group_id)
        if not copy or not group_then:
            raise
        return OneGroup(group_then, copy.as_of, error)


def read_now(connection: Connection, group_id: int) -> OneGroup:
    """Return one group as Poster has it now: forms and removals take nothing older. Raises `NotFound`."""
    group = ask(connection, lambda poster: poster.get_group(group_id))
    one = OneGroup(group, timezone.now())
    _remember(_cache_key(connection, str(group_id)), one)
    return one


# --- Cache: keyed by the account, the token and the account's count of writes ------------------------------


def _cache_key(connection: Connection, what: str) -> str:
    return f"groups:{connection.account_id}:{connection.fingerprint}:{connection.account.writes}:{what}"


def _cached(key: str) -> OneGroup | None:
    found = ask_shared(lambda: cache.get(key), None)
    return found if isinstance(found, OneGroup) and _is_young(found.as_of) else None


def _is_young(as_of: datetime) -> bool:
    return not is_past(as_of, age=timedelta(seconds=settings.POSTER_CACHE_SECONDS))


def _remember(key: str, value: OneGroup) -> None:
    if settings.POSTER_CACHE_SECONDS > 0:
        # Caches count whole seconds; `_cached` is exact.
        life = math.ceil(settings.POSTER_CACHE_SECONDS)
        ask_shared(lambda: cache.set(key, value, timeout=life), None)


class Memory:
    """The lists that this process has at hand, those used last, up to a number of groups in all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lists: OrderedDict[str, Groups] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Groups | None:
        with self._lock:
            found = self._lists.get(key)
            if found is not None:
                self._lists.move_to_end(key)
            return found

    def put(self, key: str, groups: Groups) -> None:
        with self._lock:
            self._drop(self._lists.pop(key, None))
            self._lists[key] = groups
            self._size += len(groups.groups) + 1
            while self._size > self._limit:
                self._drop(self._lists.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._lists.clear()
            self._size = 0

    def _drop(self, groups: Groups | None) -> None:
        if groups is not None:
            self._size -= len(groups.groups) + 1


memory = Memory(20_000)


def _recent(connection: Connection) -> Groups | None:
    """Return the list that is young enough: from this process, or from what all processes share."""
    if settings.POSTER_CACHE_SECONDS <= 0:
        return None
    key = _cache_key(connection, "all")
    here = memory.get(key)
    if here is not None and _is_young(here.as_of):
        return here
    digest, as_of = ask_shared(lambda: caches["shared"].get(key), None) or ("", None)
    if as_of is None or not _is_young(as_of):
        return None
    if here is None or here.digest != digest:
        answer = ask_shared(lambda: caches["shared"].get(f"{key}:{digest}"), None)
        if not isinstance(answer, GroupList):
            return None
        here = _shown(answer, as_of)
    here = replace(here, as_of=as_of)
    memory.put(key, here)
    return here


def _share(connection: Connection, answer: GroupList, groups: Groups) -> None:
    if settings.POSTER_CACHE_SECONDS <= 0:
        return
    key, life = _cache_key(connection, "all"), math.ceil(settings.POSTER_CACHE_SECONDS)
    memory.put(key, groups)
    shared = caches["shared"]
    # The list itself outlives its moment: the next answer is mostly the same one.
    ask_shared(lambda: shared.add(f"{key}:{answer.digest}", answer, timeout=10 * life), None)
    ask_shared(lambda: shared.set(key, (answer.digest, groups.as_of), timeout=life), None)


# --- The last good copy ------------------------------------------------------------------------------------


def _keep_copy(connection: Connection, answer: GroupList, as_of: datetime) -> None:
    if answer.unreadable and not answer.present:
        return  # nothing of it could be read, so the copy of before is the last good one
    # A read should not cost a write: between two copies some time passes, unless something was written here.
    # Not the same time for all, or whoever came together would write together, one behind the other.
    pause = random.randint(*COPY_STEP)  # noqa: S311 - nothing secret
    key = _cache_key(connection, f"copied:{connection.pk}")
    if not ask_shared(lambda: cache.add(key, 1, timeout=pause), False):
        return
    with optional("the last good copy"):
        unchanged = GroupsCopy.objects.filter(
            connection=connection, fingerprint=connection.fingerprint, digest=answer.digest
        )
        if unchanged.update(fetched_at=as_of):
            return
        GroupsCopy.objects.update_or_create(
            connection=connection,
            defaults={
                "fingerprint": connection.fingerprint,
                "fetched_at": as_of,
                "digest": answer.digest,
                "groups": [group.to_json() for group in answer.present],
            },
        )


def _last_good_copy(connection: Connection) -> Groups | None:
    # By the token, not its user: who was answered from what another one asked has no copy of their own.
    if connection.refused_at:
        return None
    copies = GroupsCopy.objects.filter(
        connection__account=connection.account_id,
        fingerprint=connection.fingerprint,
        fetched_at__gte=timezone.now() - COPY_LIFE,
    )
    copy = copies.order_by("-fetched_at").first()
    if copy is None:
        return None
    return Groups(tuple(Group.from_json(row) for row in copy.groups), (), copy.fetched_at, digest=copy.digest)
