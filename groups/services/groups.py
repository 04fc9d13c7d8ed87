"""Read the groups of a connection: fresh, from the cache, or the last good copy while Poster is away."""

import hashlib
import json
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from groups.models import Connection, GroupsCopy
from groups.poster import BadAnswer, Group, GroupList, PosterError, Unreachable, UnreadableRow
from groups.services.upstream import ask

COPY_LIFE = timedelta(hours=24)
# An unchanged copy gets a newer date no more often than this: a read should not cost a write.
COPY_DATE_STEP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of an account at a moment; `failure` is why this is only the last good copy."""

    groups: tuple[Group, ...]
    unreadable: tuple[UnreadableRow, ...]
    as_of: datetime
    failure: PosterError | None = None

    def find(self, group_id: int) -> Group | None:
        return next((group for group in self.groups if group.id == group_id), None)


@dataclass(frozen=True, slots=True)
class OneGroup:
    """One group at a moment, and why it is not a fresh one."""

    group: Group
    as_of: datetime
    failure: PosterError | None = None


def list_groups(connection: Connection, *, fresh: bool = False) -> Groups:
    """Return the groups, without removed ones.

    They may be POSTER_CACHE_SECONDS old unless `fresh`. While Poster fails, it is the last good copy of this
    very token; without one the `PosterError` is raised.
    """
    key = _cache_key(connection, "all")
    if not fresh and (cached := _cached(key, Groups)) is not None:
        return cached
    try:
        answer = ask(connection, lambda poster: poster.get_groups())
    except (Unreachable, BadAnswer) as error:
        copy = _last_good_copy(connection)
        if copy is None:
            raise
        return replace(copy, failure=error)
    groups = Groups(
        tuple(group for group in answer.groups if not group.removed), answer.unreadable, timezone.now()
    )
    _remember(key, groups)
    _keep_copy(connection, answer, groups.as_of)
    return groups


def read_group(connection: Connection, group_id: int, *, fresh: bool = False) -> OneGroup:
    """Return one group, with the same freshness as `list_groups`.

    `fresh` also never falls back to the copy: it is for forms and removals. Raises `NotFound`.
    """
    key = _cache_key(connection, str(group_id))
    if not fresh and (cached := _cached(key, OneGroup)) is not None:
        return cached
    try:
        group = ask(connection, lambda poster: poster.get_group(group_id))
    except (Unreachable, BadAnswer) as error:
        copy = None if fresh else _last_good_copy(connection)
        group_then = copy and copy.find(group_id)
        if not copy or not group_then:
            raise
        return OneGroup(group_then, copy.as_of, error)
    one = OneGroup(group, timezone.now())
    _remember(key, one)
    return one


# --- Cache: keyed by the account, the token and the account's count of writes ------------------------------


def _cache_key(connection: Connection, what: str) -> str:
    return f"groups:{connection.account_id}:{connection.fingerprint}:{connection.account.writes}:{what}"


def _cached[T: (Groups, OneGroup)](key: str, kind: type[T]) -> T | None:
    found = cache.get(key)
    life = timedelta(seconds=settings.POSTER_CACHE_SECONDS)
    return found if isinstance(found, kind) and timezone.now() - found.as_of < life else None


def _remember(key: str, value: Groups | OneGroup) -> None:
    if settings.POSTER_CACHE_SECONDS > 0:
        # Caches count whole seconds; `_cached` is exact.
        cache.set(key, value, timeout=math.ceil(settings.POSTER_CACHE_SECONDS))


# --- The last good copy ------------------------------------------------------------------------------------


def _keep_copy(connection: Connection, answer: GroupList, as_of: datetime) -> None:
    rows = [group.to_json() for group in answer.groups if not group.removed]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    unchanged = GroupsCopy.objects.filter(
        connection=connection, fingerprint=connection.fingerprint, digest=digest
    )
    if (kept := unchanged.values_list("fetched_at", flat=True).first()) is not None:
        if as_of - kept > COPY_DATE_STEP:
            unchanged.update(fetched_at=as_of)
        return
    GroupsCopy.objects.update_or_create(
        connection=connection,
        defaults={
            "fingerprint": connection.fingerprint,
            "fetched_at": as_of,
            "digest": digest,
            "groups": rows,
        },
    )


def _last_good_copy(connection: Connection) -> Groups | None:
    copy = GroupsCopy.objects.filter(
        connection=connection,
        fingerprint=connection.fingerprint,
        fetched_at__gte=timezone.now() - COPY_LIFE,
    ).first()
    if copy is None:
        return None
    return Groups(tuple(Group.from_json(row) for row in copy.groups), (), copy.fetched_at)
