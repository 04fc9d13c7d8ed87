"""Let jobs wait in their table, run in a worker those that are due, and control them."""

import logging
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from groups.models import Change, Job
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import Interrupted, JobLease, PutOff, Stopped, stopping
from groups.services.writes import gates
from groups.services.writes.submissions import NotNow, record_once, register, taking_locks
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.outages import is_outage

log = logging.getLogger("groups.jobs")

# Until it is approved, a job that was requested is only the request for it.
register(Job.objects.exclude(state=Job.State.REQUESTED))

# Stop reasons that a user has to accept to resume the job.
SEEN = frozenset((Job.Stop.SIDE_EFFECT, Job.Stop.DIFFERS))
# The columns of a job that waits for its turn, and for nothing else any more.
QUEUED: dict[str, Any] = {"state": Job.State.WAITING, "reason": "", "detail": ""}
QUEUED |= {"next_try_at": None, "waiting_since": None, "waits": 0}


def start(job: Job, **consent: Any) -> Job:
    """Save a planned job with its locks, for the next free worker; the same form sent twice is one job.

    Raises what a gate raises, and as `record_once`.
    """
    if (user := job.user) is None:
        raise PermissionDenied
    return record_once(job, lambda: _pass_gates(job, user, consent))


def next_due() -> Job | None:
    """Return the oldest job that is due, of the account that has waited longest for a worker."""
    turn = F("account__job_turn_at").asc(nulls_first=True)
    return Job.objects.due().order_by(turn, "created_at").first()


def run_due_jobs() -> None:
    while not stopping.is_set() and (job := next_due()):
        run_job(job.pk)


def run_job(job_id: uuid.UUID) -> None:
    """Run a job until it ends or this run has to release it.

    Raises what `is_outage` says is one. Once the database or disk is back, another run continues where this
    one was: every write is recorded in the journal before it is sent.
    """
    job = Job.objects.select_related("account").filter(pk=job_id).first()
    if job is None:
        return
    lease = JobLease(job)
    if not lease.take():
        return
    with lease:
        try:
            JobKind.of(job).work(lease)
        except Interrupted:
            log.info("Job %s is released", job.pk)
        except PutOff as later:
            log.info("Job %s gives its worker back: %s", job.pk, later.reason or "the turn is over")
            lease.put_off(later.reason, later.pause)
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


# --- Actions of users --------------------------------------------------------------------------------------


def start_draft(job: Job, user: User, **consent: Any) -> None:
    """Start a draft, once. Raises what a gate raises, and `NotNow` if the draft is gone."""
    _check_right(job, user)
    if job.state != Job.State.DRAFT:
        return
    values = {"state": Job.State.WAITING, "created_at": timezone.now(), **_pass_gates(job, user, consent)}
    try:
        job.move_on(Job.State.DRAFT, **values)
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
    """Start a job that was requested, or that has stopped, with the rights and the token of this user.

    `values` are further columns. Belongs into the transaction that stores why the job passes its gates.
    Raises `Locked`, and `NotNow` if the job has moved on.
    """
    _check_right(job, user)
    values |= {"user": user, "user_name": user.get_username(), **QUEUED}
    if job.state == Job.State.REQUESTED:
        values["created_at"] = timezone.now()
    with taking_locks(job):
        if not job.move_on(Job.State.REQUESTED, *Job.HALTED, **values):
            raise NotNow
        job.take_locks()


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
