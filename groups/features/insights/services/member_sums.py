"""Add up the clients of an account for the ladder and the audit: sums are kept for the day, nobody is.

A large account does not fit into one request. Each request reads on for some seconds from where the last one
stopped, and the sums so far are cached: by account, token, day and membership, and by the percents and steps
they are for. A keyed hash is all that is kept of the last client, to notice a list that has moved meanwhile.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
from django.core.cache import cache
from django.utils import timezone
from django.utils.crypto import salted_hmac

from groups.features.insights.services.ladder import Ladder
from groups.models import PosterCredentials
from groups.poster import Client, ClientList, ErrorReason, InvalidResponse
from groups.services.clients import pages_of
from groups.services.groups import Groups
from groups.services.membership import Membership, membership_of
from poster_admin.common.outages import ask_shared

READ_AT_ONCE = 1000
SECONDS_AT_ONCE = 4.0
"""Time for which one request reads; the page shows the progress and asks again."""
LEASE = 60
NEAR = Decimal("0.9")
"""Clients who have paid this part of the next step are near it."""


@dataclass(frozen=True, slots=True)
class Questions:
    """The numbers that clients are compared with: percents of groups, and sums of the steps above them."""

    percents: Mapping[int, Decimal]
    steps: Mapping[int, frozenset[Decimal]]

    @classmethod
    def of(cls, groups: Groups, ladder: Ladder) -> "Questions":
        steps: dict[int, set[Decimal]] = {}
        for rule in ladder.rules:
            above = ladder.next_sum(rule)
            if above is not None:
                steps.setdefault(rule.group_id, set()).add(above)
        return cls(
            {group.id: group.percent for group in groups.groups},
            {group_id: frozenset(sums) for group_id, sums in steps.items()},
        )

    @property
    def digest(self) -> str:
        steps = [(group_id, sorted(sums)) for group_id, sums in sorted(self.steps.items())]
        return hashlib.sha256(repr((sorted(self.percents.items()), steps)).encode()).hexdigest()[:16]


class Sums(msgspec.Struct):
    """Numbers of clients, by group; `read` counts the rows so far, `unreadable` those that were not.

    `above` and `below` count clients with an own percent above or below the group's, `near` those who are
    near the step of a sum. `waiting` is set while another request is reading. `provisional` sums were read
    while clients were being moved here, or just after.
    """

    above: dict[int, int] = msgspec.field(default_factory=dict)
    below: dict[int, int] = msgspec.field(default_factory=dict)
    near: dict[int, dict[Decimal, int]] = msgspec.field(default_factory=dict)
    read: int = 0
    unreadable: int = 0
    done: bool = False
    waiting: bool = False
    provisional: bool = False
    as_of: datetime = msgspec.field(default_factory=timezone.now)
    last: str = ""

    def add(self, page: ClientList, questions: Questions) -> None:
        """Add one page of clients."""
        for client in page.clients:
            if not client.removed:
                self._count(client, questions)
        self.read += page.size
        self.unreadable += len(page.unreadable)
        self.last = "" if page.unreadable or not page.clients else _mark(page.clients[-1].id)

    def _count(self, client: Client, questions: Questions) -> None:
        percent = questions.percents.get(client.group_id)
        if percent is None:
            return
        if client.own_percent > percent:
            self.above[client.group_id] = self.above.get(client.group_id, 0) + 1
        elif 0 < client.own_percent < percent:
            self.below[client.group_id] = self.below.get(client.group_id, 0) + 1
        for step in questions.steps.get(client.group_id, ()):
            if client.total_paid is not None and step * NEAR <= client.total_paid < step:
                near = self.near.setdefault(client.group_id, {})
                near[step] = near.get(step, 0) + 1


def kept_sums(credentials: PosterCredentials, questions: Questions) -> Sums | None:
    """Return the sums so far, without reading on; None if nothing has been read today."""
    if credentials.refused_at:
        return None
    return _kept(_key(credentials, questions, membership_of(credentials.account_id)))


def _kept(key: str) -> Sums | None:
    kept = ask_shared(lambda: cache.get(key), None)
    try:
        return msgspec.msgpack.decode(kept, type=Sums) if kept else None
    except msgspec.DecodeError:
        return None  # an earlier version of this program has kept them


def forget_sums(credentials: PosterCredentials, questions: Questions) -> None:
    """Begin anew with the next request."""
    key = _key(credentials, questions, membership_of(credentials.account_id))
    ask_shared(lambda: cache.delete(key), None)


def read_on(
    credentials: PosterCredentials, questions: Questions, *, seconds: float = SECONDS_AT_ONCE
) -> Sums:
    """Read on for some seconds, and return the sums so far. Raises `PosterError`; the pages read are kept.

    A move that is made meanwhile leaves them unused, because the key is that of the moment before.
    """
    membership = membership_of(credentials.account_id)
    key = _key(credentials, questions, membership)
    sums = (None if credentials.refused_at else _kept(key)) or Sums()
    if sums.done:
        return sums
    sums.provisional = not membership.settled
    if not ask_shared(lambda: cache.add(f"{key}:busy", 1, timeout=LEASE), True):
        return msgspec.structs.replace(sums, waiting=True)
    try:
        _read_pages(credentials, questions, sums, until=time.monotonic() + seconds)
    except InvalidResponse as error:
        if error.reason == ErrorReason.MOVING:
            sums = Sums()
        raise
    finally:
        ask_shared(lambda: cache.set(key, msgspec.msgpack.encode(sums), timeout=membership.life), None)
        ask_shared(lambda: cache.delete(f"{key}:busy"), None)
    return sums


def _read_pages(credentials: PosterCredentials, questions: Questions, sums: Sums, *, until: float) -> None:
    sums.as_of = timezone.now()
    again = 1 if sums.last else 0
    pages = pages_of(credentials, None, start=sums.read - again, size=READ_AT_ONCE)
    for number, page in enumerate(pages):
        sums.add(_after_the_last(page, sums.last) if again and not number else page, questions)
        sums.done = page.size < READ_AT_ONCE
        if time.monotonic() > until:
            return


def _after_the_last(page: ClientList, last: str) -> ClientList:
    """Return the page without its first client, which must be the last one of the request before."""
    if not page.clients or _mark(page.clients[0].id) != last:
        raise InvalidResponse("the list moved", method="clients.getClients", reason=ErrorReason.MOVING)
    return ClientList(page.clients[1:], page.unreadable, page.rows[1:])


def _mark(client_id: int) -> str:
    return salted_hmac("groups.services.member_sums", str(client_id), algorithm="sha256").hexdigest()


def _key(credentials: PosterCredentials, questions: Questions, membership: Membership) -> str:
    account = f"{credentials.account_id}:{credentials.fingerprint}"
    return f"members:{account}:{timezone.localdate()}:{membership.key}:{questions.digest}"
