"""Read the groups of an account: from Poster, from the cache, or the last good copy while Poster is away."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError
from django.utils import timezone

from groups.models import GroupsCopy, PosterCredentials
from groups.poster import (
    ErrorReason,
    Group,
    GroupList,
    GroupTotals,
    InvalidResponse,
    NotFound,
    PosterClient,
    PosterError,
    Unreachable,
    UnreadableRow,
    read_groups,
)
from groups.poster.fields import storable
from groups.services.gateway import SharedCall, begin_call, call_poster, remaining, share_call
from poster_admin.common.outages import ask_shared, optional
from poster_admin.common.threaded import afterwards, can_wait

log = logging.getLogger("groups.poster")
BODY = "poster:list"
COPY_LIFE = timedelta(hours=24)
COPY_EVERY = 45
"""Seconds between two copies, so that not every read costs a database write."""
MAX_WAIT = 0.3
"""Seconds that a page waits for Poster before it shows the last good copy."""
PARSED_LISTS = 4
"""Number of parsed lists that a process keeps, and of copies: each of a body of `MAX_BODY` at most."""

_parsing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of an account at `as_of`; `writes` is its counter of writes before they were read.

    Of the last good copy, `failure` is the reason why it is shown, or `is_awaited` is True: Poster has not
    answered yet.
    """

    answer: GroupList
    as_of: datetime
    writes: int | None = None
    failure: PosterError | None = None
    is_awaited: bool = False

    @property
    def is_copy(self) -> bool:
        return self.is_awaited or self.failure is not None

    @property
    def groups(self) -> Sequence[Group]:
        return self.answer.present

    @property
    def unreadable(self) -> tuple[UnreadableRow, ...]:
        return self.answer.unreadable

    @property
    def totals(self) -> GroupTotals:
        return self.answer.totals

    def find(self, group_id: int) -> Group | None:
        return next((group for group in self.groups if group.id == group_id), None)

    def one(self, group_id: int) -> "OneGroup | None":
        group, shown_for = self.find(group_id), (self.writes, self.failure, self.is_awaited)
        return OneGroup(GroupList((group,)), self.as_of, *shown_for) if group else None


@dataclass(frozen=True, slots=True)
class OneGroup(Groups):
    @property
    def group(self) -> Group:
        return self.answer.groups[0]


def list_groups(
    credentials: PosterCredentials, *, fresh: bool = False, max_wait: float | None = None
) -> Groups:
    """Return the groups, without removed ones. Raises `PosterError`.

    They may be POSTER_CACHE_SECONDS old, unless `fresh` is set. A user whose token Poster has refused gets
    nothing from the cache. While Poster fails, return the last good copy that was read with this token; so
    where Poster takes longer than `max_wait`, if nobody has written in the account since it was read.
    """
    try:
        if fresh or credentials.refused_at:
            return _keep(credentials, call_poster(credentials, partial(_ask, credentials)))
        found = _cached_list(credentials)
        if found is not None:
            return found
        call = share_call(cache_key(credentials, "all"), credentials, partial(_ask, credentials))
        if copy := _copy_meanwhile(credentials, call, max_wait):
            _take_afterwards(call, partial(_keep_copy, credentials))
            return copy
        answer = call.take()
        return _keep(credentials, answer) if call.is_own else answer
    except (Unreachable, InvalidResponse) as error:
        copy = _last_good_copy(credentials, failure=error)
        if copy is None:
            raise
        return copy


def list_groups_now(credentials: PosterCredentials) -> Groups:
    """Return the groups read from Poster just now, never the last good copy. Raises `PosterError`."""
    groups = list_groups(credentials, fresh=True)
    if groups.failure is not None:
        raise groups.failure
    return groups


def begin_groups_now(credentials: PosterCredentials) -> Callable[[], Groups]:
    """Return the function that waits for the groups, read along with other calls. It raises `PosterError`."""
    take_answer = begin_call(credentials, partial(_ask, credentials))
    return lambda: _keep(credentials, take_answer())


def unknown_fields_key(account_id: str) -> str:
    """The key in the cache, for a day, of the names of fields of groups that this program does not know."""
    return f"groups:unknown-fields:{account_id}"


def _ask(credentials: PosterCredentials, poster: PosterClient) -> Groups:
    """Ask for the list and cache it; this may run in a thread without a connection to the database."""
    writes = credentials.account.writes
    answer, as_of = poster.get_groups(), timezone.now()
    if answer.unknown:
        fields = [storable(name)[:40] for name in sorted(answer.unknown)[:5]]
        key = unknown_fields_key(credentials.account_id)
        if ask_shared(lambda: cache.add(key, fields, timeout=24 * 3600), None):
            words = "Poster sends fields of groups that are not known, so each list is read slowly: %s"
            log.warning(words, ", ".join(fields))
    if life := math.ceil(settings.POSTER_CACHE_SECONDS):
        # Parsing the body is as fast as unpickling groups, and storing it is faster. A page reads the digest
        # alone where its process has parsed these groups before.
        ask_shared(lambda: cache.set(f"{BODY}:{answer.digest}", answer.body, timeout=life), None)
        keep_cached(cache_key(credentials, "all"), answer.digest, as_of)
    return Groups(answer, as_of, writes)


def _keep(credentials: PosterCredentials, groups: Groups) -> Groups:
    afterwards(lambda: _keep_copy(credentials, groups))
    return groups


def _copy_meanwhile(
    credentials: PosterCredentials, call: SharedCall[Any], max_wait: float | None
) -> Groups | None:
    """Return the last good copy if Poster takes longer than `max_wait`, or None: wait for the answer.

    A copy from before the last write in the account would deny that write. Without a server nothing can be
    left until after the response, so the answer is waited for.
    """
    if max_wait is None or not can_wait() or call.ends_within(max_wait):
        return None
    copy = _last_good_copy(credentials, writes=credentials.account.writes)
    return copy and replace(copy, is_awaited=True)


def _take_afterwards[T](call: SharedCall[T], keep: Callable[[T], object] | None = None) -> None:
    """Record what the answer shows after the response; `keep` stores it."""

    def take() -> None:
        with suppress(PosterError):  # the page that waits for the answer says it
            answer = call.take()
            if keep is not None:
                keep(answer)

    if call.is_own:
        afterwards(take)


def known_groups(credentials: PosterCredentials) -> Groups | None:
    """Return the groups as this token has read them before, or None. Poster is not called."""
    if credentials.refused_at:
        return None
    return _cached_list(credentials) or _last_good_copy(credentials)


def read_group(
    credentials: PosterCredentials, group_id: int, *, fresh: bool = False, max_wait: float | None = None
) -> OneGroup:
    """Return one group to show, by the same rules as `list_groups`. Raises `NotFound`."""
    try:
        if fresh or credentials.refused_at:
            return read_now(credentials, group_id)
        key = cache_key(credentials, str(group_id))
        found = cached(key)
        if found is not None:
            return OneGroup(GroupList((found[0],)), found[1])
        call = share_call(key, credentials, partial(_ask_for_one, credentials, group_id))
        copy = _copy_meanwhile(credentials, call, max_wait)
        if one := copy.one(group_id) if copy else None:
            _take_afterwards(call)
            return one
        return call.take()
    except (Unreachable, InvalidResponse) as error:
        copy = _last_good_copy(credentials, failure=error)
        one = copy.one(group_id) if copy else None
        if one is None:
            raise
        return one


def read_now(credentials: PosterCredentials, group_id: int) -> OneGroup:
    """Raises `NotFound`."""
    return call_poster(credentials, partial(_ask_for_one, credentials, group_id))


def _ask_for_one(credentials: PosterCredentials, group_id: int, poster: PosterClient) -> OneGroup:
    """Ask for a group and cache it; this may run in a thread without a connection to the database."""
    one = OneGroup(GroupList((poster.get_group(group_id),)), timezone.now())
    keep_cached(cache_key(credentials, str(group_id)), one.group, one.as_of)
    return one


def find_group(credentials: PosterCredentials, group_id: int, *, within: float | None = None) -> Group | None:
    """Return a group as stored at Poster now, or None if it is found neither by its id nor in the list.

    Raises `InvalidResponse` if the group is not listed but may be one of the unreadable rows.
    """
    began = time.monotonic()
    try:
        return call_poster(credentials, lambda poster: poster.get_group(group_id, within=within))
    except NotFound:
        listed = read_list(credentials, remaining(within, began))
    found = next((group for group in listed.present if group.id == group_id), None)
    if found is None and any(row.id in (None, group_id) for row in listed.unreadable):
        raise InvalidResponse(
            "a row cannot be read", method="clients.getGroups", reason=ErrorReason.UNREADABLE_ROW
        )
    return found


def read_list(credentials: PosterCredentials, within: float | None) -> GroupList:
    """Raise `InvalidResponse` where Poster has no such list: that proves of no group that it is gone."""
    try:
        return call_poster(credentials, lambda poster: poster.get_groups(within=within))
    except NotFound as error:
        raise InvalidResponse(error.detail, method=error.method, reason=ErrorReason.SHAPE) from None


def _cached_list(credentials: PosterCredentials) -> Groups | None:
    found = cached(cache_key(credentials, "all"))
    try:
        return Groups(_parsed(found[0]), found[1], credentials.account.writes) if found else None
    except _GoneFromCache:
        return None


class _GoneFromCache(Exception): ...


@lru_cache(maxsize=PARSED_LISTS)
def _parsed(digest: str) -> GroupList:
    """Return the groups in a cached body: parsing thousands of them takes longer than rendering a page.

    Raises `_GoneFromCache`.
    """
    body = ask_shared(lambda: cache.get(f"{BODY}:{digest}"), None)
    groups = read_groups(body) if body is not None else None
    if groups is None:
        raise _GoneFromCache
    return groups


def _keep_copy(credentials: PosterCredentials, groups: Groups) -> None:
    answer = groups.answer
    if answer.unreadable and not answer.present:
        return  # no row could be read, so the earlier copy remains the last good one
    # A write in the account changes the key and allows a new copy.
    key = cache_key(credentials, f"copied:{credentials.pk}:{groups.writes}")
    if not ask_shared(lambda: cache.add(key, 1, timeout=COPY_EVERY), False):
        return
    with optional("the last good copy"):
        values: dict[str, Any] = {"fingerprint": credentials.fingerprint, "digest": answer.digest}
        read = {"fetched_at": groups.as_of, "writes": groups.writes}
        unchanged = GroupsCopy.objects.filter(credentials=credentials, **values)
        if not unchanged.update(**read):
            values |= {**read, "groups": [group.to_json() for group in answer.present]}
            with suppress(IntegrityError):  # these credentials were deleted during the call
                GroupsCopy.objects.update_or_create(credentials=credentials, defaults=values)


def _last_good_copy(
    credentials: PosterCredentials, *, writes: int | None = None, failure: PosterError | None = None
) -> Groups | None:
    """Return the latest copy of this token: a user served from another user's request has no row."""
    if credentials.refused_at:
        return None
    its = {"credentials__account": credentials.account_id, "fingerprint": credentials.fingerprint}
    copies = GroupsCopy.objects.filter(fetched_at__gte=timezone.now() - COPY_LIFE, **its)
    if writes is not None:
        copies = copies.filter(writes=writes)
    for copy in copies.order_by("-fetched_at").defer("groups"):
        try:
            with _parsing:  # many readers parse a new copy once
                listed = _parsed_copy(copy.pk, copy.digest)
        except (msgspec.DecodeError, ValueError, GroupsCopy.DoesNotExist):
            # The copy is of another version, or broken: the next answer is the next copy.
            with optional("the last good copy"):
                GroupsCopy.objects.filter(pk=copy.pk, digest=copy.digest).delete()
                cache.delete(cache_key(credentials, f"copied:{copy.pk}:{credentials.account.writes}"))
            continue
        return Groups(listed, copy.fetched_at, copy.writes, failure)
    return None


@lru_cache(maxsize=PARSED_LISTS)
def _parsed_copy(pk: int, digest: str) -> GroupList:
    """Return the groups of a stored copy; equal digests mean equal groups. Raises if they cannot be read."""
    rows = GroupsCopy.objects.values_list("groups", flat=True).get(pk=pk, digest=digest)
    return GroupList(msgspec.convert(rows, tuple[Group, ...]))


# --- The cache ----------------------------------------------------------------------------------------------
# It is Django's, by default one in files that all processes of the machine share. With a cache in each,
# each would ask Poster again, and a page could be older than the page before it. A cache in the database
# would cost a commit for each entry.


def cache_key(credentials: PosterCredentials, what: str, *, of_groups: bool = True) -> str:
    """Return a key that changes with the token, and with each write in the account if it is `of_groups`."""
    writes = credentials.account.writes if of_groups else "any"
    return f"poster:{credentials.account_id}:{credentials.fingerprint}:{writes}:{what}"


def cached(key: str) -> tuple[Any, datetime] | None:
    """Return the value and its time if young enough; caches expire entries by whole seconds only."""
    longest = timedelta(seconds=settings.POSTER_CACHE_SECONDS)
    found = ask_shared(lambda: cache.get(key), None) if longest else None
    return found if found and timezone.now() - found[1] < longest else None


def keep_cached(key: str, value: Any, as_of: datetime) -> None:
    life = math.ceil(settings.POSTER_CACHE_SECONDS)
    if life:
        ask_shared(lambda: cache.set(key, (value, as_of), timeout=life), None)
