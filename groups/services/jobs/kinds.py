"""Define a kind of job. Queue, lease, executor, undo and pages know only this class."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils.functional import Promise

from groups.models import Change, Job, PosterCredentials
from groups.models.contents import Effect, Pairs
from groups.models.locks import members_key
from groups.services.jobs.lease import JobLease
from groups.services.writes.lag import current_groups
from groups.services.writes.reach import Reach, reached_by


def register[K: "JobKind"](kind: type[K]) -> type[K]:
    Job.registered[kind.kind] = kind
    return kind


class JobKind(ABC):
    # The value of the column `kind`: at most 20 letters, kept for good.
    kind: ClassVar[str]
    # The kind in two words, as "clients moved".
    label: ClassVar[str | Promise]
    # The parts that are made, as "moved" in "moved: 12".
    done_label: ClassVar[str | Promise]
    # The rights that a user needs to start such a job and to control it.
    permissions: ClassVar[tuple[str, ...]]
    # True if it moves clients: while it is at work, sums over the clients of a group are provisional.
    moves_clients: ClassVar[bool] = False
    # True if two users who ask for the same make one job.
    is_shared: ClassVar[bool] = False
    # Writes that are no parts of the job: they do not count in its progress.
    not_counted: ClassVar[tuple[Change.Action, ...]] = ()

    def __init__(self, job: Job) -> None:
        self.job = job

    @staticmethod
    def of(job: Job) -> "JobKind":
        kind: JobKind = Job.registered[job.kind](job)
        return kind

    # --- Rights and reach -----------------------------------------------------------------------------------

    def may_be_controlled_by(self, user: User) -> bool:
        return user.has_perms(self.permissions)

    def may_be_undone_by(self, user: User) -> bool:
        return self.may_be_controlled_by(user)

    @property
    def lock_keys(self) -> frozenset[str]:
        """A job with neither group nor target locks nothing; each of its changes takes its own lock."""
        groups = (self.job.group_id, self.job.target_id)
        return frozenset(members_key(group_id) for group_id in groups if group_id is not None)

    @property
    def form_values(self) -> tuple[Any, ...]:
        """Return what has to be the same where the same form means the same job."""
        return self.job.group_id, self.job.target_id, self.job.wanted

    @abstractmethod
    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the reach of writes made and left. Raises `PosterError` as it counts, with credentials."""

    @property
    def most_clients(self) -> int | None:
        """More clients need the yes of another user, an owner's job too; None leaves it to the limits."""
        return None

    @property
    @abstractmethod
    def group_ids(self) -> list[int]:
        """The ids of the groups that it writes or moves clients out of, for the effect of its request."""

    @property
    def is_counted(self) -> bool:
        """Return False while `total` is not known, since its parts are found by its first run."""
        return True

    def pairs(self, credentials: PosterCredentials) -> Pairs | None:
        """Return all clients that it would move now, if it does nothing else. Raises `PosterError`."""
        return None

    def effect(self, credentials: PosterCredentials) -> Effect:
        """Return the effect that the job, or what is left of it, would have now. Raises `PosterError`."""
        groups = {group.id: group for group in current_groups(credentials).groups}
        pairs = self.pairs(credentials)
        if pairs is not None:
            clients = sum(count for _from_id, _to_id, count in pairs)
        else:
            clients = max(self.reach(credentials).clients - reached_by(self.job.pk), 0)
        found = tuple(groups[group_id] for group_id in self.group_ids if group_id in groups)
        return Effect(found, groups.get(self.job.target_id or 0), clients, pairs or ())

    def columns_for(self, now: Effect) -> dict[str, Any]:
        """Return the columns that an approval stores; a `total` of 0 says that there is nothing to start."""
        return {}

    # --- The work -------------------------------------------------------------------------------------------

    @abstractmethod
    def work(self, lease: JobLease) -> None:
        """Do what is left of the job. Raises `Interrupted`, `PutOff` and `Stopped`, see `lease`.

        Another run may have done a part, up to any line, and been killed.
        """

    # --- Words ----------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def title(self) -> str: ...
    @property
    def request_words(self) -> str:
        """The effect of the job, for the page of its request."""
        return ""

    @property
    def words_at_end(self) -> str:
        return ""


State = Change.State
# Reasons for clients that the job need not move: they are gone, or another user has moved them.
SKIPPED = frozenset((Change.Reason.CLIENT_GONE, Change.Reason.ELSEWHERE))


@dataclass(frozen=True, slots=True)
class JobProgress:
    total: int
    done: int = 0
    refused: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0

    @property
    def seen(self) -> int:
        return self.done + self.refused + self.failed + self.skipped

    @property
    def percent(self) -> int:
        """Round down, so that 100 means all."""
        return self.seen * 100 // self.total if self.total else 0


def progress_of(job: Job) -> JobProgress:
    """A client or group that was tried several times counts once."""
    rows = Change.objects.filter(job=job).exclude(action__in=JobKind.of(job).not_counted)
    failed, is_skipped = Q(state=State.FAILED), Q(reason__in=SKIPPED)
    found = rows.last_tries().aggregate(
        done=Count("pk", filter=Q(state__in=Change.MADE)),
        refused=Count("pk", filter=Q(state=State.REFUSED)),
        unknown=Count("pk", filter=Q(state__in=Change.UNSETTLED)),
        failed=Count("pk", filter=failed & ~is_skipped),
        skipped=Count("pk", filter=failed & is_skipped),
    )
    found["skipped"] += job.unreadable
    return JobProgress(max(job.total, sum(found.values())), **found)
