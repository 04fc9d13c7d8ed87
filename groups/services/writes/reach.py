"""Define the reach of a write: how much it raises, and for how many clients."""

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.db.models import Q, Sum

from groups.models import Change, PosterCredentials
from groups.models.contents import Effect
from groups.poster import ErrorReason, Group, GroupValues, InvalidResponse, NotFound
from groups.poster.records import GROUP_FIELDS
from groups.services.clients import count_listed, count_members, with_counted_clients
from groups.services.gateway import begin_call, seconds_left
from groups.services.groups import begin_groups_now, find_group
from groups.services.writes.lag import with_pending_change
from groups.services.writes.outcome import differing

# Share of POSTER_WRITE_DEADLINE for the reads that count the clients of a group.
COUNT = 0.5
TERMS = frozenset(name for name, each in GROUP_FIELDS.items() if each.term)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Reach:
    """A value that a write leaves or lowers is 0: a group beyond the limits can be lowered by anybody."""

    percent: Decimal = _NOTHING
    rise: Decimal = _NOTHING
    birthday_bonus: Decimal = _NOTHING
    clients: int = 0

    def __add__(self, other: "Reach") -> "Reach":
        return Reach(
            max(self.percent, other.percent),
            max(self.rise, other.rise),
            max(self.birthday_bonus, other.birthday_bonus),
            self.clients + other.clients,
        )


def reach_of_values(old: GroupValues | None, new: GroupValues, clients: int = 0) -> Reach:
    """A group that is only renamed reaches nobody; `old` is None for a new one, which rises from nothing."""
    percent, bonus = (old.percent, old.effective_bonus) if old else (_NOTHING, _NOTHING)
    return Reach(
        percent=new.percent if new.percent > percent else _NOTHING,
        rise=max(new.percent - percent, _NOTHING),
        birthday_bonus=new.effective_bonus if new.effective_bonus > bonus else _NOTHING,
        clients=clients if changes_terms(old, new) else 0,
    )


def changes_terms(old: GroupValues | None, new: GroupValues) -> bool:
    return old is None or not TERMS.isdisjoint(differing(old, new))


def count_reached(credentials: PosterCredentials, group_id: int, read: Group | None = None) -> int:
    """Count the clients that a write to a group reaches; 0 if the group is gone. Raises `PosterError`.

    The larger of the group's counter and the clients that are listed counts: either may be late or short, and
    must not let a write pass a limit. The counter is that of `read` if the group was read just now.
    """
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE * COUNT
    left = partial(seconds_left, until, "clients.getClients")
    take_group = None
    if read is None:
        take_group = begin_call(credentials, lambda poster: poster.get_group(group_id, within=left()))
    try:
        listed = count_listed(credentials, group_id, within=until - time.monotonic())
        group = take_group() if take_group else read
    except NotFound as error:
        if take_group and find_group(credentials, group_id, within=left()) is None:
            return 0  # the write itself finds that the group is gone
        raise InvalidResponse(error.detail, method=error.method, reason=ErrorReason.SHAPE) from None
    return max(listed, group.clients if group else 0)


def count_each_reached(credentials: PosterCredentials, group_ids: Collection[int]) -> dict[int, int]:
    """Count the clients of several groups in the same way, in one pass over the account."""
    if not group_ids:
        return {}
    take_groups = begin_groups_now(credentials)
    counts = count_members(credentials, group_ids)
    for group in take_groups().groups:
        if group.id in counts:
            counts[group.id] = max(counts[group.id], group.clients)
    return counts


def effect_on_group(credentials: PosterCredentials, group_id: int, *, counts: bool) -> Effect:
    """Return the effect of a write to one group, which reaches its clients if it `counts`.

    A change made here counts, even if Poster does not show it yet: else what it has replaced might be taken
    for all that is requested. Raises `NotFound` if the group is gone, and `PosterError`.
    """
    group = find_group(credentials, group_id)
    if group is None:
        raise NotFound(None, reason=ErrorReason.GONE)
    group = with_counted_clients(credentials, with_pending_change(credentials.account_id, group)[0])
    return Effect((group,), clients=count_reached(credentials, group_id, group) if counts else 0)


def reached_by(job_id: uuid.UUID) -> int:
    """Count the clients that a job has reached, or may have: its open changes count.

    So does a move that was sent, and after which the client was found in a third group: somebody may have
    moved them on from where the write had put them.
    """
    moved_on = Q(reason=Change.Reason.ELSEWHERE, sent_at__isnull=False)
    sent = Change.objects.filter(~Q(state__in=Change.NOTHING_CHANGED) | moved_on, job=job_id)
    total: int | None = sent.aggregate(total=Sum("reached"))["total"]
    return total or 0
