"""Manage job leases, so that only one run works on a job at a time.

When a lease expires, another run may take the job over: the journal records every change that is done or
open.
"""

import logging
import threading
import time
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import Change, IdsFirst, Job, JobQuerySet, Lock, PosterAccount, PosterCredentials
from groups.models.jobs import lease_time
from groups.models.leases import RELEASED, Lease
from groups.models.locks import Holder, future_key, members_key
from groups.services.credentials import credentials_to_try
from groups.services.gateway import check_token
from poster_admin.common.outages import first_line, optional

log = logging.getLogger("groups.jobs")

# Set when this process has to end: every run releases its job, and another process continues it.
stopping = threading.Event()
# Seconds of writes after which a job gives way to a job of another account.
TURN = 15.0


class Interrupted(Exception):
    """The run has to release the job: a user paused or cancelled it, or the process has to end."""


class PutOff(Exception):
    """The job gives its worker back and comes again: it waits for `reason`, or its turn is over."""

    def __init__(self, reason: Job.Stop | None = None, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause


class Stopped(Exception):
    """The job cannot continue without a user. `detail` is a message of Poster's or a list of fields."""

    def __init__(self, reason: Job.Stop, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


OF_JOBS = IdsFirst(Lock.objects.filter(change=None).select_related("job").order_by("key"))


def jobs_of(credentials: PosterCredentials) -> JobQuerySet:
    """Return the jobs that were started. Raises `TokenRejected` if Poster has refused the user's token."""
    check_token(credentials)
    jobs = Job.objects.filter(account=credentials.account_id)
    started = jobs.exclude(state__in=Job.NOT_STARTED).select_related("undo_of")
    return started.defer("wanted", "undo_of__wanted")


def holders_of(credentials: PosterCredentials, group_id: int) -> list[Holder]:
    keys = (members_key(group_id), future_key(group_id))
    return [lock.holder for lock in OF_JOBS.find(account=credentials.account_id, key__in=keys)]


class JobLease:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.began = time.monotonic()
        self._wrote: float | None = None
        self._lease = Lease(Job, job.pk)
        self._over = threading.Event()
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._heartbeat, name=f"lease of {job.pk}", daemon=True)

    def take(self) -> bool:
        now = timezone.now()
        running: dict[str, Any] = {"state": Job.State.RUNNING, "next_try_at": None}
        running["started_at"] = self.job.started_at or now
        taken = Job.objects.due().take(self.job.pk, lease_time(), **running)
        if taken is not None:
            self._lease = taken
            PosterAccount.objects.filter(pk=self.job.account_id).update(job_turn_at=now)
        self.job.refresh_from_db()
        return taken is not None

    def __enter__(self) -> Self:
        self._pulse.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._pulse.join()
        with optional("the release of a job"):
            self._lease.release()

    def check(self) -> None:
        """Raise `Interrupted` if this run has to release the job, or its lease could not be renewed."""
        if self._over.is_set() or stopping.is_set():
            raise Interrupted

    def check_now(self) -> None:
        """Check also in the database, which the heartbeat does only every few seconds. Raises as `check`."""
        if not self._mine().exists():
            self._over.set()
        self.check()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            self._over.wait(min(left, 0.2))
        self.check()

    def is_turn_over(self) -> bool:
        """Return True once the job has sent writes for TURN seconds and a job of another account waits.

        Reads do not count: a run that begins with many would never get to its first write.
        """
        self._wrote = self._wrote or time.monotonic()
        if time.monotonic() - self._wrote < TURN:
            return False
        return Job.objects.due().exclude(account=self.job.account_id).exists()

    def put_off(self, reason: Job.Stop | None, pause: float) -> bool:
        """Return False if this run has lost the job. One that waits for a `reason` counts its waits."""
        values: dict[str, Any] = {"state": Job.State.WAITING, **RELEASED}
        if reason is not None:
            now = timezone.now()
            values |= {"reason": reason, "next_try_at": now + timedelta(seconds=pause)}
            values |= {"waiting_since": self.job.waiting_since or now, "waits": self.job.waits + 1}
        return bool(self._mine().update(**values))

    def note_progress(self) -> None:
        if self.job.waits:
            self._mine().update(waits=0, waiting_since=None)
            self.job.waits, self.job.waiting_since = 0, None

    def end(self, state: Job.State, reason: Job.Stop | None = None, detail: str = "") -> None:
        """Store the job's state unless this run has lost the job; if the job has ended, release its locks."""
        now = timezone.now()
        with transaction.atomic():
            self._mine().update(
                state=state,
                reason=reason or "",
                detail=detail[:400],
                finished_at=now if state == Job.State.DONE else None,
                stopped_at=now if state == Job.State.STOPPED else None,
            )
            Change.objects.release_job(self.job.pk)

    def _mine(self) -> QuerySet[Job]:
        """Exclude a job that was paused, cancelled or taken over."""
        return self._lease.row.filter(state=Job.State.RUNNING)

    def _heartbeat(self) -> None:
        lost_at = time.monotonic() + settings.JOB_LEASE_SECONDS
        try:
            while not self._ended.wait(settings.JOB_LEASE_SECONDS / 5):
                try:
                    if not self._mine().update(**self._lease.renewal(timezone.now() + lease_time())):
                        self._over.set()
                        return
                    lost_at = time.monotonic() + settings.JOB_LEASE_SECONDS
                except DatabaseError as error:
                    log.warning("The lease of job %s cannot be renewed: %s", self.job.pk, first_line(error))
                    connections.close_all()
                    if time.monotonic() > lost_at:
                        self._over.set()
                        return
        finally:
            connections.close_all()


def sender_of(job: Job) -> PosterCredentials:
    """Return refused credentials too: Poster may be wrong. Raises `Stopped` without a user or token."""
    credentials = credentials_to_try(job.user_id, job.account_id)
    if isinstance(credentials, str):
        raise Stopped(Job.Stop(credentials))
    return credentials
