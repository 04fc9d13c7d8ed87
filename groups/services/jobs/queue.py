"""Where jobs are put into the queue, and what a worker does with one: a task of Django's task framework."""

import logging
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connections, transaction
from django.tasks import task
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from groups.models import Change, Job, Lock
from groups.services import snapshots
from groups.services.jobs import bulk_edits, moves, restores
from groups.services.jobs.lease import Interrupted, JobLease, Stopped, stopping
from groups.services.writes.execute import TRIES_TO_RECORD, Busy, NotRecorded
from poster_admin.common.outages import is_outage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger("groups.jobs")

WORK: dict[str, Callable[[JobLease], None]] = {
    Job.Kind.MOVE: moves.move,
    Job.Kind.RETIRE: moves.retire,
    Job.Kind.RESTORE: restores.restore,
    Job.Kind.EDIT: bulk_edits.edit,
    Job.Kind.IMPORT: bulk_edits.edit,
}
RIGHTS: dict[str, tuple[str, ...]] = {
    Job.Kind.MOVE: (moves.RIGHT,),
    Job.Kind.RETIRE: (moves.RIGHT,),
    Job.Kind.RESTORE: (snapshots.RIGHT,),
    Job.Kind.EDIT: bulk_edits.RIGHTS[Job.Kind.EDIT],
    Job.Kind.IMPORT: bulk_edits.RIGHTS[Job.Kind.IMPORT],
}
# Seconds that a job waits for our own database, each time longer.
RETRY_DELAYS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
# A person has seen them, so the job may go on past them.
SEEN = frozenset(("side_effect", "differs"))


class AlreadyThere(Exception):
    """Another job is at one of these groups: `job`. Nothing was started."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class NotNow(Exception):
    """What was asked for does not fit the state of the job any more."""


def start(job: Job) -> Job:
    """Save a planned job with its locks and put it into the queue; the same form twice is one job.

    Raises `AlreadyThere` where another job takes clients out of the same groups, or into them, `Busy` where
    the removal of one of them is open, `PermissionDenied` where its id is that of somebody else's, and
    `NotRecorded` where the database takes it not for another reason.
    """
    problem: IntegrityError | None = None
    for _ in range(TRIES_TO_RECORD):
        if (known := _known(job)) is not None:
            return known
        try:
            with transaction.atomic():
                job.save(force_insert=True)
                Lock.objects.take_for(job)
                _enqueue(job)
        except IntegrityError as error:
            problem = error
            _look_for_another(job)
        else:
            return job
    log.error("A job cannot be recorded", exc_info=problem)
    raise NotRecorded from problem


def _known(job: Job) -> Job | None:
    """Return the job of this id, if this form was sent before."""
    found = Job.objects.filter(pk=job.pk).first()
    if found and (found.account_id, found.user_id) != (job.account_id, job.user_id):
        raise PermissionDenied  # it is somebody else's
    return found


def _look_for_another(job: Job) -> None:
    """Raise `AlreadyThere` or `Busy` where a lock of somebody else is in the way of this job's."""
    lock = Lock.objects.in_the_way(job.account_id, job.lock_keys, of=[job.pk])
    if lock and lock.job:
        raise AlreadyThere(lock.job)
    if lock and lock.change:
        raise Busy(lock.change)


def _enqueue(job: Job) -> None:
    result = run_job.enqueue(str(job.pk))
    Job.objects.filter(pk=job.pk).update(task_id=result.id)


@task
def run_job(job_id: str) -> None:
    """Be at work on a job until it has ended, or this run has to let go of it.

    While the database or the disk is away it waits, however long that takes, and goes on by itself: what was
    done is in the journal, and nothing is sent that cannot be written there.
    """
    run, bad = uuid.uuid4(), 0
    while True:
        started = time.monotonic()
        try:
            _work_on(uuid.UUID(job_id), run)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("Job %s waits for the database: %s", job_id, type(error).__name__)
            connections.close_all()
        else:
            return
        if time.monotonic() - started > RETRY_DELAYS[-1]:
            bad = 0
        if stopping.wait(RETRY_DELAYS[min(bad, len(RETRY_DELAYS) - 1)]):
            return
        bad += 1


def _work_on(job_id: uuid.UUID, run: uuid.UUID) -> None:
    """Work on a job if it is due and no other run has it."""
    job = Job.objects.select_related("account").filter(pk=job_id).first()
    lease = JobLease(job, run) if job is not None else None
    if job is None or lease is None or not lease.take():
        return
    with lease:
        try:
            WORK[job.kind](lease)
        except Interrupted:
            log.info("Job %s is let go", job.pk)
        except Stopped as stopped:
            log.warning("Job %s has stopped: %s", job.pk, stopped.reason)
            lease.end(Job.State.STOPPED, stopped.reason, stopped.detail)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("Job %s has stopped by an error of ours", job.pk)
            lease.end(Job.State.STOPPED, "error")
        else:
            lease.end(Job.State.DONE)


# --- What people do with a job -----------------------------------------------------------------------------


def start_draft(job: Job, user: "User") -> None:
    """Put a draft into the queue; one that was started before stays as it is.

    Raises `NotNow` where it is no longer there.
    """
    _check_right(job, user)
    try:
        with transaction.atomic():
            if job.move_on(Job.State.DRAFT, state=Job.State.WAITING, created_at=timezone.now()):
                _enqueue(job)
    except Job.DoesNotExist:
        raise NotNow from None


def pause(job: Job, user: "User") -> None:
    """Let the job rest after the writes that are under way. Raises `NotNow` where it does not fit."""
    _check_right(job, user)
    if not job.move_on(*Job.ACTIVE, state=Job.State.PAUSED):
        raise NotNow


def resume(job: Job, user: "User") -> None:
    """Let a job go on that was paused or has stopped; also past a side effect that a person has seen.

    A job that has lost its locks takes them anew. Raises `NotNow`, and `AlreadyThere` and `Busy` as `start`.
    """
    _check_right(job, user)
    tested = job.tested or job.reason in SEEN
    try:
        with transaction.atomic():
            if not job.move_on(Job.State.PAUSED, Job.State.STOPPED, state=Job.State.WAITING, tested=tested):
                raise NotNow
            Lock.objects.take_for(job)
            _enqueue(job)
    except IntegrityError:
        job.refresh_from_db()
        _look_for_another(job)
        raise NotNow from None  # it was there a moment ago


def cancel(job: Job, user: "User") -> None:
    """End a job for good; what it has done so far stays as it is."""
    _check_right(job, user)
    with transaction.atomic():
        if not job.move_on(*Job.UNFINISHED, state=Job.State.CANCELLED, finished_at=timezone.now()):
            raise NotNow
        Change.objects.release_job(job.pk)


def may_control(job: Job, user: "User") -> bool:
    """Say whether a user may pause, resume and cancel a job."""
    return user.has_perms(RIGHTS[job.kind])


def _check_right(job: Job, user: "User") -> None:
    if not may_control(job, user):
        raise PermissionDenied


# --- What nobody looks after any more ----------------------------------------------------------------------


def revive() -> list[Job]:
    """Put the jobs into the queue again whose run was killed; return them."""
    revived = []
    for job in Job.objects.let_go():
        waiting = DBTaskResult.objects.ready().filter(pk=job.task_id or uuid.UUID(int=0))
        if not waiting.exists():
            # Of two that look at once, one finds the row as it was.
            with transaction.atomic():
                if Job.objects.filter(pk=job.pk, task_id=job.task_id).update(task_id=""):
                    _enqueue(job)
                    revived.append(job)
    return revived
