"""Keep the plan of a run, and make it again: who is moved, by which table, and who is left of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.utils import timezone

from groups.features.criteria.models import Criteria
from groups.features.criteria.services.reading import CriteriaReading, GroupsGone, new_reading, read_now
from groups.features.criteria.services.tables import SavedTable
from groups.features.moves.services.move_run import ClientMove
from groups.models import Change, ChangeQuerySet, Job, PosterCredentials
from groups.models.contents import Content
from groups.services.clients import SECONDS_FOR_ALL
from groups.services.jobs.executor import NOTHING_SENT
from groups.services.jobs.lease import Stopped


@dataclass(frozen=True, slots=True)
class RunScope(Content):
    """`wanted` of a run: the fingerprint of its table, all groups that take part, and who is moved.

    `names` are those of the groups, in the same order. `moves` are client, group and new group of each, as
    read at `planned_at`; without that time they have to be read. `unproven` counts the clients who stay
    because that reading proves nothing of them.
    """

    table: str
    groups: tuple[int, ...]
    names: tuple[str, ...] = ()
    moves: tuple[tuple[int, int, int], ...] = ()
    planned_at: datetime | None = None
    day: date | None = None
    is_night: bool = False
    unproven: int = 0

    def planned(self, reading: CriteriaReading) -> "RunScope":
        """Return the scope with the moves of a reading of now."""
        return replace(
            self,
            moves=tuple((move.client_id, move.from_id, move.to_id) for move in reading.moves),
            planned_at=timezone.now(),
            day=reading.today,
            unproven=reading.sums.unproven,
        )


def read_for(
    job: Job,
    credentials: PosterCredentials,
    *,
    seconds: float = SECONDS_FOR_ALL,
    note: Callable[[int], object] | None = None,
) -> CriteriaReading:
    """Read and judge all clients by the table of a run. Raises `Stopped` if that is another one by now."""
    row = Criteria.objects.filter(account=job.account_id).first()
    saved = SavedTable.of(row) if row else None
    if saved is None or saved.row.fingerprint != RunScope.from_json(job.wanted).table:
        raise Stopped(Job.Stop.CHANGED)
    try:
        reading = new_reading(credentials, saved.table, looks_twice=True)
    except GroupsGone:
        raise Stopped(Job.Stop.TARGET_GONE) from None
    read_now(reading, seconds=seconds, note=note)
    return reading


def left_of(job: Job, moves: Iterable[ClientMove]) -> list[ClientMove]:
    """Return the moves of clients whom this job has not written to: each is written once at most."""
    written = set(sent_by(job).values_list("client_id", flat=True))
    return [move for move in moves if move.client_id not in written]


def sent_by(job: Job) -> ChangeQuerySet:
    """Return the writes of a job that were sent, or may have been."""
    sent = Change.objects.filter(job=job, sent_at__isnull=False)
    return sent.exclude(state=Change.State.FAILED, reason__in=NOTHING_SENT)
