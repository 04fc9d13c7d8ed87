"""Enqueue jobs as tasks of Django's task framework, run them in a worker, and control them."""

import logging
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.db.models import Q
from django.tasks import task
from django.utils import timezone
from django.utils.translation import gettext as _
from django_tasks_db.models import DBTaskResult

from groups.models import Change, Job, JobQuerySet
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import Interrupted, JobLease, PutOff, Stopped, stopping
from groups.services.writes import gates
from groups.services.writes.not_sent import NotNow, taking_locks
from groups.services.writes.submissions import record_once, register
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.jobs")

# Until it is approved, a job that was asked for is only the request for it.
register(Job.objects.exclude(state=Job.State.ASKED))

# Seconds that a job waits for the dashboard's own database, one delay after the other.
RETRY_DELAYS = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
# A run whose job goes on elsewhere may be alive, and has to end its row itself.
ABANDONED = timedelta(days=1)
# Stop reasons that a user has to accept to resume the job.
SEEN = frozenset((Job.Stop.SIDE_EFFECT, Job.Stop.DIFFERS))
# The columns of a job that waits for its turn, and for nothing else any more.
QUEUED: dict[str, Any] = {"state": Job.State.WAITING, "reason": "", "detail": ""}
QUEUED |= {"next_try_at": None, "waiting_since": None, "waits": 0}


def start(job: Job, **consent: Any) -> Job:
    """Save a planned job with its locks and enqueue it; the same form sent twice is one job.

    Raises what a gate raises, and as `record_once`.
    """
    if (user := job.user) is None:
        raise PermissionDenied
    return record_once(job, lambda: _pass_gates(job, user, consent), lambda: _enqueue(job))


def _enqueue(job: Job, run_after: datetime | None = None) -> None:
    result = run_job.using(run_after=run_after).enqueue(str(job.pk))
    Job.objects.filter(pk=job.pk).update(task_id=result.id)


@task
def run_job(job_id: str) -> None:
    """Run a job until it ends or this run has to release it.

    While the database or disk is away, wait without a limit and then continue: every write is recorded in the
    journal before it is sent.
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


def _work_on(job_id: uuid.UUID, run: uuid.UUID) -> None:  # noqa: C901 - one arm an end is the clearest form
    job = Job.objects.select_related("account").filter(pk=job_id).first()
    # A run that has come back from an outage of the database holds the job already.
    if job is None or (job.holder != run and _let_others_go_first(job)):
        return
    lease = JobLease(job, run)
    if not lease.take():
        return
    with lease:
        try:
            JobKind.of(job).work(lease)
        except Interrupted:
            log.info("Job %s is released", job.pk)
        except PutOff as later:
            log.info("Job %s gives its worker back: %s", job.pk, later.reason or "the turn is over")
            with transaction.atomic():
                if lease.put_off(later.reason, later.pause):
                    job.refresh_from_db()
                    _enqueue(job, job.next_try_at)
        except Stopped as stopped:
            log.warning("Job %s has stopped: %s", job.pk, stopped.reason)
            lease.end(Job.State.STOPPED, stopped.reason, stopped.detail)
        except SecretUnreadable:
            log.warning("Job %s has stopped: no key opens what was kept for it", job.pk)
            lease.end(Job.State.STOPPED, Job.Stop.SNAPSHOT_UNREADABLE)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("Job %s has stopped by an internal error", job.pk)
            lease.end(Job.State.STOPPED, Job.Stop.ERROR)
        else:
            lease.end(Job.State.DONE)


def _let_others_go_first(job: Job) -> bool:
    last = job.account.job_turn_at
    waited_longer = Q(account__job_turn_at=None) | Q(account__job_turn_at__lt=last)
    if last is None or not _is_queued(Job.objects.due().filter(waited_longer)):
        return False
    with transaction.atomic():
        if Job.objects.due().filter(pk=job.pk).exists():
            _enqueue(job)
    return True


def _is_queued(jobs: JobQuerySet) -> bool:
    rows = filter(None, jobs.values_list("task_id", flat=True))
    return DBTaskResult.objects.ready().filter(pk__in=list(rows)).exists()


# --- Actions of users --------------------------------------------------------------------------------------


def start_draft(job: Job, user: User, **consent: Any) -> None:
    """Enqueue a draft, once. Raises what a gate raises, and `NotNow` if the draft is gone."""
    _check_right(job, user)
    if job.state != Job.State.DRAFT:
        return
    values = {"state": Job.State.WAITING, "created_at": timezone.now(), **_pass_gates(job, user, consent)}
    try:
        with transaction.atomic():
            if job.move_on(Job.State.DRAFT, **values):
                _enqueue(job)
    except Job.DoesNotExist:
        raise NotNow from None


def _pass_gates(job: Job, user: User, consent: dict[str, Any]) -> dict[str, Any]:
    """Pass the gates with a job; return the columns to store: the consent, and how far that goes."""
    for name, value in consent.items():
        setattr(job, name, value)
    for gate in gates.registered:
        gate.before_job(job, user)
    return {name: getattr(job, name) for name in (*consent, "allowed_clients")}


def hand_over(job: Job, user: User, **values: Any) -> None:
    """Enqueue a job that was asked for, or that has stopped, with the rights and the token of this user.

    `values` are further columns. Belongs into the transaction that stores why the job passes its gates.
    Raises `Locked`, and `NotNow` if the job has moved on.
    """
    _check_right(job, user)
    values |= {"user": user, "user_name": user.get_username(), **QUEUED}
    if job.state == Job.State.ASKED:
        values["created_at"] = timezone.now()
    with taking_locks(job):
        if not job.move_on(Job.State.ASKED, *Job.HALTED, **values):
            raise NotNow
        job.take_locks()
        _enqueue(job)


def pause(job: Job, user: User) -> None:
    """End its run after the writes in progress. Raises `NotNow` if it is not active."""
    _check_right(job, user)
    if not job.move_on(*Job.ACTIVE, state=Job.State.PAUSED):
        raise NotNow


def resume(job: Job, user: User, *, accepts: bool = False, **consent: Any) -> None:
    """Continue a job that was paused or has stopped; `accepts` is True for a side effect that stopped it.

    All of it passes the gates again: what it has reached, and what is left. With `consent`, the columns of
    this user's consent, it goes on with the rights and the token of this user. Raises `NotNow`, also if the
    user has not seen why it stopped, and else as `start` does.
    """
    _check_right(job, user)
    if accepts != (job.reason in SEEN) or job.state not in Job.HALTED:
        raise NotNow
    values: dict[str, Any] = {**QUEUED, "tested": job.tested or accepts}
    if consent:
        consent = {"user": user, "user_name": user.get_username(), **consent}
    values |= _pass_gates(job, user, consent)
    with taking_locks(job):
        # Before the row of the job, as an approval of its rest locks them: else these two could deadlock.
        for gate in gates.registered:
            gate.job_decided(job, user, _("The bulk change went on without it."))
        if not job.move_on(*Job.HALTED, **values):
            raise NotNow
        job.take_locks()
        _enqueue(job)


def cancel(job: Job, user: User) -> None:
    """End a job; its changes so far are kept. Raises `NotNow` if it has already ended."""
    _check_right(job, user)
    with transaction.atomic():
        for gate in gates.registered:  # first, as in `resume`
            gate.job_decided(job, user, _("The bulk change was cancelled."))
        if not job.move_on(*Job.UNFINISHED, state=Job.State.CANCELLED, finished_at=timezone.now()):
            raise NotNow
        Change.objects.release_job(job.pk)


def _check_right(job: Job, user: User) -> None:
    if not JobKind.of(job).may_be_controlled_by(user):
        raise PermissionDenied


def forget_finished() -> int:
    old = timezone.now() - timedelta(days=settings.JOB_RESULT_DAYS)
    return DBTaskResult.objects.finished().filter(finished_at__lt=old).delete()[0]


def forget_killed() -> int:
    """Delete the rows of runs whose worker was killed; return their number.

    Another run continues the job under a new row. So a row that is at work is one of a killed worker if its
    job goes on elsewhere, has ended, or is gone.
    """
    current = {str(pk) for pk in Job.objects.unfinished().values_list("task_id", flat=True)}
    old = timezone.now() - ABANDONED
    started = DBTaskResult.objects.running().filter(started_at__lt=old).values_list("pk", flat=True)
    return DBTaskResult.objects.filter(pk__in=[pk for pk in started if str(pk) not in current]).delete()[0]


def revive() -> list[Job]:
    """Enqueue and return the jobs that are due and in no queue: their run was killed."""
    revived = []
    for job in Job.objects.due():
        if not _is_queued(Job.objects.filter(pk=job.pk)):
            # If two processes do this at once, only one of them still finds the old task id.
            with transaction.atomic():
                if Job.objects.filter(pk=job.pk, task_id=job.task_id).update(task_id=""):
                    _enqueue(job)
                    revived.append(job)
    return revived
