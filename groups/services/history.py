"""Read the journal for users, undo and repeat its changes, record decisions, and audit it against Poster."""

import logging
import time
import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count, groupby
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from groups.models import Change, ChangeQuerySet, Job, JobQuerySet, PosterCredentials
from groups.poster import Group, GroupList, GroupValues, PosterClient
from groups.services.gateway import call_poster, check_token
from groups.services.groups import known_groups
from groups.services.jobs.lease import jobs_of
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.outcome import differing
from groups.services.writes.reconcile import first_allowed, usable_credentials
from groups.services.writes.submissions import NotNow, find_by_operation

log = logging.getLogger("groups.journal")

LATEST = 5
COUNTED = 10_000
SHOWN_FIRST = timedelta(days=1)
"""The age from which a change is undone only after a page has shown what that does."""
SETTLED = (*Change.HAPPENED, *Change.NOTHING_CHANGED)
# Built once: each page with rows of the history runs it.
UNDOES = Change.objects.order_by().values_list("undo_of", "state")


class HistoryPages(Paginator):  # type: ignore[type-arg]
    """Pages of changes and jobs together: the ids of a page, whose rows `read_rows` returns.

    At most COUNTED of each are counted, because counting a long journal is slow. `has_more` is True if there
    are more behind the last page; users reach them with the filter by days.
    """

    def __init__(self, changes: ChangeQuerySet, jobs: JobQuerySet, per_page: int) -> None:
        self._rows: tuple[QuerySet[Any], ...] = (changes, jobs)
        ids, of_jobs = (rows.order_by().values_list("created_at", "pk") for rows in self._rows)
        super().__init__(ids.union(of_jobs, all=True).order_by("-created_at"), per_page)

    @cached_property
    def _counted(self) -> int:
        # In their order: without it SQLite may choose an index that lacks `action`, and read each row.
        return sum(rows.values("account_id")[: COUNTED + 1].count() for rows in self._rows)

    @cached_property
    def count(self) -> int:
        return min(self._counted, COUNTED)

    @property
    def has_more(self) -> bool:
        return self._counted > COUNTED


def changes_of(credentials: PosterCredentials) -> ChangeQuerySet:
    """Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    return Change.objects.filter(account=credentials.account_id)


def read_rows(
    credentials: PosterCredentials, ids: Iterable[tuple[datetime, uuid.UUID]]
) -> list[Change | Job]:
    wanted = [pk for _created_at, pk in ids]
    found: dict[uuid.UUID, Any] = Change.objects.order_by().in_bulk(wanted)
    if of_jobs := [pk for pk in wanted if pk not in found]:
        found |= jobs_of(credentials).prefetch_related("moved").order_by().in_bulk(of_jobs)
    return [found[pk] for pk in wanted]


def group_names(credentials: PosterCredentials, rows: Iterable[Change | Job]) -> dict[int, str]:
    """Name a group as it is now, one that is gone as when its job was made. Poster is not asked."""
    shown = list(rows)
    jobs = [row for row in shown if isinstance(row, Job)]
    moves = (row for row in shown if isinstance(row, Change) and row.client_id)
    if of_clients := {row.job_id for row in moves if row.job_id}:
        jobs += Job.objects.filter(pk__in=of_clients)
    if not jobs:
        return {}
    names = {job.group_id: job.group_name for job in jobs} | {job.target_id: job.target_name for job in jobs}
    if known := known_groups(credentials):
        names |= {group.id: group.name for group in known.groups}
    return {pk: name for pk, name in names.items() if pk is not None}


def latest_of(credentials: PosterCredentials, group_id: int, at_work: Iterable[Job]) -> list[Change | Job]:
    """Return the latest few changes and jobs of a group, as `changes_of` does; jobs `at_work` hold it."""
    rows: dict[uuid.UUID, Any] = {job.pk: job for job in at_work}
    # The ids alone at first: most groups have no job, and the query for whole jobs is dear.
    jobs = jobs_of(credentials)
    if ids := list(jobs.of_group(group_id).values_list("pk", flat=True)[:LATEST]):
        rows |= jobs.prefetch_related("moved").in_bulk(ids)
    rows |= {change.pk: change for change in changes_of(credentials).filter(group_id=group_id)[:LATEST]}
    return sorted(rows.values(), key=attrgetter("created_at"), reverse=True)[:LATEST]


def changed_ids(credentials: PosterCredentials, *, days: int) -> frozenset[int]:
    made = changes_of(credentials).of_groups().filter(state__in=Change.MADE)
    lately = made.filter(created_at__gte=timezone.now() - timedelta(days=days)).order_by()
    return frozenset(filter(None, lately.values_list("group_id", flat=True)))


def change_before(credentials: PosterCredentials, change: Change) -> Change | None:
    """Return the change that left the group as `change` found it, or None if it was not made here."""
    found = Group.from_json(change.before).values
    made = changes_of(credentials).filter(
        group_id=change.group_id,
        created_at__lt=change.created_at,
        state__in=Change.MADE,
        after__isnull=False,
        resolved_by="",  # else `after` may have the values of somebody else
    )
    return next((each for each in made[:LATEST] if Group.from_json(each.after).values == found), None)


def removal_of(credentials: PosterCredentials, group_id: int) -> Change | None:
    removals = Change.objects.filter(account=credentials.account_id, action=Change.Action.REMOVE)
    return removals.filter(group_id=group_id, state__in=Change.HAPPENED).first()


def news_of(credentials: PosterCredentials, since: datetime) -> ChangeQuerySet:
    """Return what others have changed in groups, as it is known since a time, without open changes.

    A change that began before that time counts if its outcome was found later. Raises `TokenRejected`.
    """
    changes = changes_of(credentials).of_groups().filter(state__in=Change.HAPPENED, settled_at__gt=since)
    return changes.exclude(user=credentials.user_id)


def count_news(credentials: PosterCredentials, since: datetime) -> tuple[int, int]:
    """Count the groups that others have changed, and those of them that were changed elsewhere."""
    groups, elsewhere = Count("group_id", distinct=True), Q(state=Change.State.ELSEWHERE)
    counted = news_of(credentials, since).aggregate(
        all=groups, elsewhere=Count("group_id", distinct=True, filter=elsewhere)
    )
    return counted["all"], counted["elsewhere"]


def undone_ids(changes: Iterable[Change]) -> set[uuid.UUID]:
    """Return the ids of those of the changes that a write has taken back; it may be a change of a job."""
    undos = UNDOES.filter(undo_of__in=[change.pk for change in changes])
    # Compare the states here: SQLite would look for them, in all of the journal.
    return {undone for undone, state in undos if undone and state in Change.MADE}


def undoable_ids(
    changes: Iterable[Change], user: User, undone: Collection[uuid.UUID] | None = None
) -> set[uuid.UUID]:
    """Return the ids of the changes that this user can undo.

    Those that are `undone` are not among them, nor creations of groups that have been removed since, or that
    a job has brought back with their clients.
    """
    undos = {change: Command.kind_of(change).undo(change) for change in changes}
    needed = {change: undo.permission for change, undo in undos.items() if undo is not None}
    rights = set(filter(user.has_perm, set(needed.values())))
    able = [change for change, right in needed.items() if right in rights]
    undone = undone_ids(able) if undone is None else undone
    left = {change.pk: change for change in able if change.pk not in undone}
    created = [change for change in left.values() if Command.kind_of(change).creates]
    gone: set[int | None] = set()
    if created:
        groups = {change.group_id: change.account_id for change in created}
        removals = Change.objects.filter(action=Change.Action.REMOVE, state__in=Change.HAPPENED)
        removed = removals.filter(account__in=set(groups.values()), group_id__in=groups)
        gone = set(removed.order_by().values_list("group_id", flat=True))
    of_jobs = {change.pk for change in created if change.job_id and change.undo_of_id}
    return left.keys() - of_jobs - {change.pk for change in created if change.group_id in gone}


def change_after(change: Change) -> Change | None:
    """Return the last change of the same group since this one, made here or elsewhere, or None."""
    later = Change.objects.of_groups().filter(account=change.account_id, group_id=change.group_id)
    return later.filter(state__in=Change.HAPPENED, created_at__gt=change.created_at).first()


def is_old(change: Change) -> bool:
    return change.created_at < timezone.now() - SHOWN_FIRST


def undo_command(change: Change, credentials: PosterCredentials, *, sent: str = "") -> GroupCommand:
    """Return the command that undoes a change; a removed group is created again without its clients.

    Raises `PermissionDenied`, and `NotNow` if another write has undone it.
    """
    user, undo = credentials.user, Command.kind_of(change).undo(change)
    if not isinstance(undo, GroupCommand) or not user.has_perm(undo.permission):
        raise PermissionDenied
    known = find_by_operation(sent)
    comes_again = isinstance(known, Change) and (known.undo_of_id, known.user_id) == (change.pk, user.pk)
    if not comes_again and undone_ids([change]):
        raise NotNow
    try:
        operation = uuid.UUID(sent)
    except ValueError:  # without scripts a form names none
        operation = _next_operation(change, f"undo {user.pk}")
    return replace(undo, credentials=credentials, operation=operation)


def resolve(change: Change, decision: str, user: User) -> None:
    """Close a change in review as "applied" or "failed". Raises `NotNow`, and `PermissionDenied`."""
    _check_right(change, user)
    if (
        change.state != Change.State.REVIEW
        or decision not in (Change.State.APPLIED, Change.State.FAILED)
        or not Change.objects.settle(change, state=Change.State(decision), resolved_by=user.get_username())
    ):
        raise NotNow


def can_repeat(change: Change) -> bool:
    """A user may send it again after a check that shows no effect of it."""
    return change.state == Change.State.UNKNOWN and Command.kind_of(change).repeatable and not change.accepted


def late_until(change: Change) -> datetime | None:
    """Return the time until which a lost update may still arrive, over what was saved meanwhile, or None."""
    is_lost = can_repeat(change) or change.reason in (Change.Reason.OVERWRITTEN, Change.Reason.SUPERSEDED)
    sent_at, age = change.sent_at or change.created_at, timedelta(seconds=settings.POSTER_SETTLE_SECONDS)
    is_over = Command.kind_of(change).removes or sent_at <= timezone.now() - age
    return sent_at + age if is_lost and not is_over else None


def command_again(change: Change, credentials: PosterCredentials) -> GroupCommand:
    """Return the command that repeats a lost update or removal; a second creation could make two groups.

    It may be sent only while Poster shows no effect of the first attempt. Raises `NotNow`,
    `PermissionDenied`.
    """
    _check_right(change, credentials.user)
    if not can_repeat(change):
        raise NotNow
    command = Command.from_change(change)
    remote = command.observe_before(change, credentials, within=settings.POSTER_READ_DEADLINE)
    again = command.repeat(change, remote)
    if not isinstance(again, GroupCommand):
        raise NotNow
    operation = _next_operation(change, f"again {credentials.user_id}")
    return replace(again, credentials=credentials, operation=operation)


def _next_operation(change: Change, name: str) -> uuid.UUID:
    """Return the first operation of which nothing has ended: a double click is one, a later try another."""
    tries = (uuid.uuid5(change.pk, f"{name} {number}") for number in count())
    return next(each for each in tries if not (known := find_by_operation(each)) or not known.is_over)


def _check_right(change: Change, user: User) -> None:
    if not Command.from_change(change).may_be_sent_by(user):
        raise PermissionDenied


# --- Audit --------------------------------------------------------------------------------------------------


def accounts_to_audit() -> dict[str, list[PosterCredentials]]:
    usable = usable_credentials().filter(user__is_active=True, account__changes__isnull=False).distinct()
    by_account = groupby(usable.order_by("account", "pk"), attrgetter("account_id"))
    return {account: list(rows) for account, rows in by_account}


def audit(usable: list[PosterCredentials]) -> list[str]:
    """Return the differences that the account's journal does not explain, read with the first token that may.

    A single read may be outdated or wrong, so a finding has to appear in two reads. Raises `PosterError`.
    """
    return first_allowed(usable, _audit) or []


def _audit(credentials: PosterCredentials) -> list[str]:
    # The last change of each group, made here or elsewhere, if it was settled POSTER_LAG_SECONDS ago.
    is_seen = Q(sent_at__isnull=False) | Q(state=Change.State.ELSEWHERE)
    sent = Change.objects.filter(is_seen, account=credentials.account_id, client_id__isnull=True)
    later = sent.filter(group_id=OuterRef("group_id"), created_at__gt=OuterRef("created_at"))
    settled_by = timezone.now() - timedelta(seconds=settings.POSTER_LAG_SECONDS)
    rows = sent.filter(settled_at__lte=settled_by, state__in=SETTLED, group_id__isnull=False)
    changes = list(rows.exclude(Exists(later)).order_by("group_id"))
    first = _differences(changes, call_poster(credentials, PosterClient.get_groups))
    if not first:
        return []
    time.sleep(settings.POSTER_CONFIRM_SECONDS)
    second = _differences(changes, call_poster(credentials, PosterClient.get_groups))
    findings = [finding for finding in second if finding in first]
    for finding in findings:
        log.warning("Not explained by the history of %s: %s", credentials.account_id, finding)
    return findings


def _differences(changes: list[Change], listed: GroupList) -> list[str]:
    groups = {group.id: group for group in listed.present}
    unreadable = {row.id for row in listed.unreadable}
    found = []
    for change in changes:
        if change.group_id in unreadable or None in unreadable:
            continue
        made, group = change.state in Change.HAPPENED, groups.get(change.group_id or 0)
        expected, problem = change.after if made else change.before, ""
        if Command.kind_of(change).removes and made:
            problem = "is there although it was removed" if group else ""
        elif expected is None or "name" not in expected:
            pass  # a user has resolved the change, and the values after it were never read
        elif group is None:
            problem = "is gone"
        elif fields := differing(GroupValues.from_json(expected), group):
            problem = f"has another {', '.join(fields)}"
        if problem:
            found.append(f"group {change.group_id}: {problem}, change {change.pk} {change.state}")
    return found
