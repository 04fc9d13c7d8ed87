"""Count the progress of a job in the journal."""

from collections import Counter
from dataclasses import dataclass
from typing import assert_never

from django.db.models import Count

from groups.models import Change, Job
from groups.services.jobs.kinds import JobKind

State = Change.State
# Reasons for clients that the job need not move: they are gone, or another user has moved them.
SKIPPED = frozenset((Change.Reason.CLIENT_GONE, Change.Reason.ELSEWHERE))


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The progress of a job: the numbers of its changes by outcome, counted in the journal."""

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
        """The settled part in whole percents, rounded down, so that 100 means all."""
        return self.seen * 100 // self.total if self.total else 0


def progress_of(job: Job) -> JobProgress:
    """Count the outcomes of a job; a client or group that was tried several times counts once."""
    rows = Change.objects.filter(job=job).exclude(action__in=JobKind.of(job).not_counted)
    counted = rows.last_tries().values_list("state", "reason").annotate(Count("pk"))
    found = Counter(skipped=job.unreadable)
    for state, reason, count in counted:
        match State(state):
            case State.APPLIED | State.DIFFERS:
                found["done"] += count
            case State.REFUSED:
                found["refused"] += count
            case State.PENDING | State.UNKNOWN | State.REVIEW:
                found["unknown"] += count
            case State.FAILED:
                found["skipped" if reason in SKIPPED else "failed"] += count
            case State.ELSEWHERE:
                raise ValueError("A change made elsewhere belongs to no job.")
            case _ as never:
                assert_never(never)
    return JobProgress(max(job.total, found.total()), **found)
