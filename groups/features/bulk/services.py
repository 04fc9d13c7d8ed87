"""Edit or import many groups: store a plan for review, and run the job that carries it out.

A plan is a job in the state draft. Each line stores the group's values from when the plan was shown, so a
group that was changed meanwhile is a conflict and is not written. No group is removed here.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import batched, count
from typing import Any, ClassVar, Self

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.models import Change, Job, JobQuerySet, PosterCredentials
from groups.models.contents import Content, Effect
from groups.poster import Group, GroupValues
from groups.services.gateway import check_token
from groups.services.installation.maintenance import prune, routine
from groups.services.jobs import executor, kinds
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease
from groups.services.writes.commands import CreateGroup, GroupCommand, UpdateGroup
from groups.services.writes.commands.update_group import TILLS
from groups.services.writes.outcome import rebase_values, same
from groups.services.writes.reach import Reach, changes_terms, count_each_reached, reach_of_values, reached_by

State = Change.State
AT_ONCE = 25
"""Lines that are executed before the job waits if Poster is away."""
DRAFT_LIFE = timedelta(days=1)
DRAFTS_AT_MOST = 10
"""Drafts that are kept for each user; older ones are deleted."""


# --- The lines ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanLine(Content):
    """One line of a plan: the old and new values of a group; `old` is None for a group to be created.

    `number` is the line's position in the file or form. No two lines of a plan have the same one: the
    operations of its job follow from it. `namesakes` are the ids and client counts of other groups that
    already have the new name.
    """

    number: int
    new: GroupValues
    group_id: int | None = None
    old: GroupValues | None = None
    clients: int = 0
    namesakes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, number: int, new: GroupValues, group: Group) -> Self:
        return cls(number, new, group.id, group.values, group.clients)

    def onto(self, group: Group) -> Self:
        """Return the line rebased onto the group: a value that it does not change is the present one."""
        if self.old is None:
            return self
        old = rebase_values(self.new, self.old, group.values)
        new = rebase_values(self.old, self.new, group.values)
        return replace(self, old=old, new=new, clients=group.clients)


@dataclass(frozen=True, slots=True)
class LineError:
    line: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One group as a file wants it: texts by the fields of a form. What a file does not say stays.

    No two entries of a file have the same `number`. `places` are the lines and columns of what it says.
    `id` is that of a table, and `was` the old name in a scheme.
    """

    number: int
    values: dict[str, str]
    places: dict[str, tuple[int, str]]
    id: str = ""
    was: str | None = None

    @property
    def name(self) -> str:
        return self.values.get("name", "")

    @property
    def line(self) -> int:
        return self.places["name"][0]

    def error(self, text: str, field: str = "name") -> LineError:
        return LineError(*self.places.get(field, self.places["name"]), text)


@dataclass(frozen=True, slots=True)
class Intended:
    """All groups that a file wants, or the errors in it.

    Those of a scheme have names, those of a table ids. `ignored` are the columns that are not known.
    """

    entries: tuple[Entry, ...] = ()
    errors: tuple[LineError, ...] = ()
    is_scheme: bool = False
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EditPlan(Content):
    """`wanted` of a job that edits or imports groups: its lines, and what they leave alone.

    `unchanged` counts the groups that are as they should be. Of a file `ignored` are the columns that were
    skipped, and `unlisted` the names of the groups that it does not have. Nothing with `errors` is started or
    stored.
    """

    lines: tuple[PlanLine, ...] = ()
    unchanged: int = 0
    ignored: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    # True if the lines have the numbers by which they are found in the file.
    is_numbered: bool = False
    errors: tuple[LineError, ...] = ()

    @property
    def edits(self) -> list[tuple[int, GroupValues, GroupValues]]:
        return [(line.group_id, line.old, line.new) for line in self.lines if line.group_id and line.old]

    @property
    def created(self) -> int:
        return sum(line.old is None for line in self.lines)


# --- The kinds ---------------------------------------------------------------------------------------------


@kinds.register
class Edit(JobKind):
    kind = "edit"
    label = gettext_lazy("groups edited")
    done_label = pgettext_lazy("parts of a job", "made")
    permissions: ClassVar[tuple[str, ...]] = (UpdateGroup.permission,)

    @property
    def plan(self) -> EditPlan:
        return EditPlan.from_json(self.job.wanted)

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        sent = Change.objects.filter(job=self.job).exclude(state__in=Change.NOTHING_CHANGED)
        made = set(sent.values_list("group_id", flat=True))
        left = [line for line in self.plan.lines if line.group_id not in made]
        reached = {line.group_id for line in left if line.group_id and changes_terms(line.old, line.new)}
        counts = count_each_reached(credentials, reached) if credentials else {}
        reaches = (reach_of_values(line.old, line.new, counts.get(line.group_id or 0, 0)) for line in left)
        return sum(reaches, Reach(clients=reached_by(self.job.pk)))

    @property
    def group_ids(self) -> list[int]:
        return [line.group_id for line in self.plan.lines if line.group_id is not None]

    def lines_onto(self, groups: Iterable[Group]) -> tuple[PlanLine, ...]:
        """Return the lines onto the values of the groups now, without those that are so already."""
        now = {group.id: group for group in groups}
        lines = []
        for line in self.plan.lines:
            group, moved = now.get(line.group_id or 0), line
            if group is not None and line.old is not None:
                new = rebase_values(line.old, line.new, group.values)
                moved = replace(line, old=group.values, new=new, clients=group.clients)
            if moved.old is None or not same(moved.old, moved.new):
                lines.append(moved)
        return tuple(lines)

    def columns_for(self, now: Effect) -> dict[str, Any]:
        if self.job.state != Job.State.REQUESTED:
            return {}  # the rest of a job keeps its plan
        plan, left = self.plan, self.lines_onto(now.groups)
        unchanged = plan.unchanged + len(plan.lines) - len(left)
        wanted = replace(plan, lines=left, unchanged=unchanged).to_json()
        return {"wanted": wanted, "total": len(left)}

    def work(self, lease: JobLease) -> None:
        _Edit(lease).run()

    @property
    def title(self) -> str:
        return _("Change several groups")

    @property
    def words_at_end(self) -> str:
        lines = self.plan.lines
        has_new_percent = any(line.old is None or line.old.percent != line.new.percent for line in lines)
        return str(TILLS) if has_new_percent else ""


@kinds.register
class Import(Edit):
    kind = "import"
    label = gettext_lazy("groups imported")

    def may_be_controlled_by(self, user: User) -> bool:
        return super().may_be_controlled_by(user) and (
            not self.plan.created or user.has_perm(CreateGroup.permission)
        )

    @property
    def title(self) -> str:
        return _("Import of groups")


# --- The plan ----------------------------------------------------------------------------------------------


def keep_plan(credentials: PosterCredentials, kind: type[Edit], plan: EditPlan) -> Job:
    """Save and return the draft of a job. Raises `PermissionDenied`."""
    user = credentials.user
    job = Job(
        **credentials.sender_columns,
        kind=kind.kind,
        state=Job.State.DRAFT,
        wanted=plan.to_json(),
        total=len(plan.lines),
    )
    if not kind(job).may_be_controlled_by(user):
        raise PermissionDenied
    drafts = Job.objects.filter(user=user, state=Job.State.DRAFT).order_by("-created_at")
    kept = list(drafts.values_list("pk", flat=True)[: DRAFTS_AT_MOST - 1])
    _delete(drafts.exclude(pk__in=kept))
    job.save(force_insert=True)
    return job


def plan_of(credentials: PosterCredentials, job_id: uuid.UUID) -> Job | None:
    """Return a plan of this user, started or not, or None. Raises `TokenRejected` and `PermissionDenied`."""
    check_token(credentials)
    user = credentials.user
    plans = Job.objects.filter(account=credentials.account_id, kind__in=(Edit.kind, Import.kind))
    job = plans.filter(Q(user=user) | Q(requested_by=user.get_username()), pk=job_id).first()
    if job is not None and not JobKind.of(job).may_be_controlled_by(user):
        raise PermissionDenied
    return job


@prune("plans that were not started")
@routine("delete plans", pause=5.0)
def forget_drafts() -> int:
    return _delete(Job.objects.filter(state=Job.State.DRAFT, created_at__lt=timezone.now() - DRAFT_LIFE))


def _delete(drafts: JobQuerySet) -> int:
    """Delete drafts; lock their rows first, so that none is started at the same time."""
    with transaction.atomic():
        found = list(drafts.select_for_update().values_list("pk", flat=True))
        return Job.objects.filter(pk__in=found).delete()[0] if found else 0


# --- The work ----------------------------------------------------------------------------------------------


class _Edit:
    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = executor.OutageBackoff(lease)
        self._lines = EditPlan.from_json(lease.job.wanted).lines

    def run(self) -> None:
        executor.settle_open(self._lease)
        # A worker may have been killed before it read the first line.
        actions = (Change.Action.UPDATE, Change.Action.CREATE)
        if not self._job.tested and (first := executor.first_made(self._job, action__in=actions)):
            self._check_first(first)
        while self._due():
            tried = False
            if not self._job.tested:
                # One line after the other until one is applied. First those that have a birthday bonus,
                # because Poster may store it in another unit.
                lines = sorted(self._due(), key=lambda each: not each[0].new.birthday_bonus)
                commands = (command for each in lines for command in self._commands([each]))
                for change in executor.submit_one_by_one(self._lease, commands):
                    tried = True
                    self._check_first(change)
                    if self._job.tested:
                        break
            if self._job.tested:
                # A line whose group is locked stays due.
                for part in batched(self._due(), AT_ONCE):
                    changes = self._backoff.ask_poster(
                        partial(executor.submit_all, self._lease, self._commands(part))
                    )
                    self._backoff.note(changes)
                    tried |= bool(changes)
            if not tried:
                self._backoff.wait(Job.Stop.LOCKED)
            executor.settle_open(self._lease)

    def _check_first(self, change: Change) -> None:
        """Raises `Stopped` if Poster stored other values."""
        executor.check_as_intended(change)
        if change.state == State.APPLIED:
            self._job.move_on(Job.State.RUNNING, tested=True)

    def _commands(self, lines: Iterable[tuple[PlanLine, int, uuid.UUID]]) -> list[GroupCommand]:
        commands: list[GroupCommand] = []
        for line, _tries, operation in lines:
            values: dict[str, Any] = {"operation": operation, "intended": line.new, "job": self._job}
            if line.group_id is None:
                shown = frozenset(group_id for group_id, _clients in line.namesakes)
                commands.append(CreateGroup(**values, namesakes=shown))
            else:
                commands.append(UpdateGroup(**values, group_id=line.group_id, loaded=line.old))
        return commands

    def _due(self) -> list[tuple[PlanLine, int, uuid.UUID]]:
        """Return the lines that may be tried, each with the number of its tries so far, and its operation.

        A line whose last try failed comes last, so that it keeps none of the others waiting.
        """
        rows = Change.objects.filter(job=self._job).values_list("pk", "state", "reason")
        known = {pk: state == State.FAILED and reason in executor.NOTHING_SENT for pk, state, reason in rows}
        due = []
        for line in self._lines:
            for tries in count():
                operation = uuid.uuid5(self._job.pk, f"{line.number} {tries}")
                if not (nothing_sent := known.get(operation)):
                    break
            if nothing_sent is None:
                due.append((line, tries, operation))
        return sorted(due, key=lambda each: each[1])
