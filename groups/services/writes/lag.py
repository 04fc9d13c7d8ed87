"""Recognize outdated reads: for a while Poster may still show values that a change made here has replaced.

A read that shows such values within POSTER_LAG_SECONDS counts as outdated, not as a change made elsewhere.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from groups.models import Change, ChangeQuerySet, IdsFirst, PosterCredentials
from groups.models.changes import OF_GROUPS
from groups.models.contents import ClientBefore, ClientPlace
from groups.poster import Client, Group, GroupValues
from groups.poster.fields import fold
from groups.services.groups import Groups, list_groups_now, read_now
from groups.services.writes.outcome import Replaced, same

# The form of a group asks for them, so the question is put together once.
MADE = IdsFirst(
    Change.objects.filter(OF_GROUPS, state__in=Change.MADE)
    .exclude(action=Change.Action.REMOVE)
    .order_by("-created_at")
)


def replaced_by_others(change: Change, *conditions: Q, **subject: int | None) -> Replaced:
    """Return the `before` of other recent changes of the same group or client, None for its creation."""
    sent = Q(sent_at__isnull=False) | Q(state=Change.State.ELSEWHERE)
    others = latest_changes(change.account_id, *conditions, sent, **subject).exclude(pk=change.pk)
    rows = others.values_list("action", "before")
    return [None if action in Change.CREATIONS else before for action, before in rows]


def latest_changes(account_id: str, *conditions: Q, **subject: int | str | None) -> ChangeQuerySet:
    """Return the changes that are open or were settled within POSTER_LAG_SECONDS, latest first."""
    changes = Change.objects.filter(*conditions, _open_or_recent(), account=account_id, **subject)
    return changes.order_by("-created_at")


def removed_ids(account_id: str) -> frozenset[int]:
    removed = latest_changes(account_id, OF_GROUPS, action=Change.Action.REMOVE).filter(state__in=Change.MADE)
    return frozenset(filter(None, removed.values_list("group_id", flat=True)))


def unseen_groups(account_id: str, listed: Iterable[Group]) -> tuple[Group, ...]:
    """Return the groups that were created here lately, and that these of a list do not show yet."""
    made = latest_changes(account_id, OF_GROUPS, action=Change.Action.CREATE).filter(state__in=Change.MADE)
    removed = Change.objects.filter(
        account=account_id, action=Change.Action.REMOVE, state__in=Change.HAPPENED
    )
    unseen = made.exclude(group_id__in=[group.id for group in listed])
    shown = unseen.exclude(group_id__in=removed.values("group_id")).values_list("after", flat=True)
    # A change that a user has resolved has no values: its group was never read.
    return tuple(Group.from_json(after) for after in shown if "name" in (after or {}))


def named_groups(account_id: str, groups: Groups, name: str, *, but: int | None = None) -> list[Group]:
    """Return the groups with this name, but the one with the id `but`: those of a list, and unseen ones."""
    every, folded = (*groups.groups, *unseen_groups(account_id, groups.answer.groups)), fold(name)
    found = (each for each in every if each.id != but and fold(each.name) == folded)
    return sorted(found, key=attrgetter("id"))


def unseen_change(account_id: str, group_id: int, group: Group | None) -> Change | None:
    """Return the latest recent change of a group if this read does not show it yet, or None.

    A read that shows neither that change nor the values it replaced shows a change made elsewhere.
    """
    changes = MADE.find(_open_or_recent(), account=account_id, group_id=group_id)
    if not changes:
        return None
    newest = changes[0]
    if group is None:
        is_stale = any(each.action == Change.Action.CREATE for each in changes)
    elif newest.after is None or same(group, GroupValues.from_json(newest.after)):
        is_stale = False
    else:
        replaced = (each.before for each in changes if each.action == Change.Action.UPDATE)
        is_stale = any(values and same(group, GroupValues.from_json(values)) for values in replaced)
    return newest if is_stale else None


def with_pending_change(account_id: str, group: Group) -> tuple[Group, Change | None]:
    unseen = unseen_change(account_id, group.id, group)
    if unseen is None or unseen.after is None:
        return group, None
    return Group.from_json(unseen.after).replace(clients=group.clients), unseen


def open_change(credentials: PosterCredentials, group_id: int) -> Change | None:
    changes: list[Change] = credentials.unsettled_changes
    return next((each for each in changes if each.holds_locks and each.group_id == group_id), None)


def locked_ids(credentials: PosterCredentials) -> set[int]:
    changes: list[Change] = credentials.unsettled_changes
    return {change.group_id for change in changes if change.holds_locks and change.group_id}


def certain_groups(credentials: PosterCredentials, read: Groups, ids: Collection[int]) -> dict[int, Group]:
    """Return those of the groups with these ids whose present values are certain.

    The last good copy proves nothing, nor does a group whose change is open. A read that does not show a
    change made here yet counts as if it did.
    """
    certain = set() if read.is_copy else set(ids) - locked_ids(credentials)
    found = {group.id: group for group in read.groups if group.id in certain} if certain else {}
    for group_id in _changed_ids(credentials.account_id) & found.keys() if found else ():
        found[group_id] = with_pending_change(credentials.account_id, found[group_id])[0]
    return found


def current_group(credentials: PosterCredentials, group_id: int) -> tuple[Group, Change | None]:
    """Read a group just now, as `with_pending_change` returns it. Raises `NotFound` and `PosterError`."""
    return with_pending_change(credentials.account_id, read_now(credentials, group_id).group)


def current_groups(credentials: PosterCredentials) -> Groups:
    """Read the groups just now, with changes that this read does not show yet. Raises `PosterError`."""
    read, account_id = list_groups_now(credentials), credentials.account_id
    changed, removed = _changed_ids(account_id), removed_ids(account_id)
    if not changed | removed:
        return read
    listed = tuple(
        with_pending_change(account_id, group)[0] if group.id in changed else group
        for group in (*read.groups, *unseen_groups(account_id, read.answer.groups))
        if group.id not in removed
    )
    return replace(read, answer=replace(read.answer, groups=listed))


def _changed_ids(account_id: str) -> set[int]:
    changes = MADE.find(_open_or_recent(), account=account_id)
    return {change.group_id for change in changes if change.group_id}


def hides_move(change: Change, client: Client | None) -> bool:
    """Return True if a read, which may be older than several moves, does not show the client's latest one."""
    made = latest_changes(change.account_id, client_id=change.client_id).filter(state__in=Change.MADE)
    moves = list(made.exclude(pk=change.pk))
    if not moves:
        return False
    if client is None:
        return any(each.action == Change.Action.CREATE_CLIENT for each in moves)
    if client.group_id == ClientPlace.from_json(moves[0].intended).group_id:
        return False
    moved = (each for each in moves if each.action == Change.Action.MOVE)
    return client.group_id in {ClientBefore.from_json(each.before).group_id for each in moved}


def have_moved(**by: object) -> bool:
    """Return True if a job moved clients recently, into a group or at all: Poster may show the old places."""
    made = Change.objects.filter(action__in=Change.OF_CLIENTS, state__in=Change.MADE)
    return made.filter(_open_or_recent(), **by).exists()


def _open_or_recent() -> Q:
    since = timezone.now() - timedelta(seconds=settings.POSTER_LAG_SECONDS)
    return Q(settled_at__gt=since) | Q(settled_at__isnull=True)
