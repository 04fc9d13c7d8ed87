"""Run the tables that are for every night: a worker does, once a night whatever dies.

The id of a night's job follows from the account and the night, so a worker that takes over from a killed one
finds what that has started. A night that no worker could begin in time is left out, and so is one during
which this feature was switched off.
"""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services.approvals import ask_for
from groups.features.approvals.services.limits import BeyondLimits
from groups.features.criteria.models import KIND, NIGHTS, Criteria, CriteriaSave
from groups.features.criteria.services import runs
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import GroupsGone, SalesRefused, new_reading, read_now
from groups.features.criteria.services.run_work import RunScope
from groups.features.insights.services.sweep import LONGEST_SWEEP
from groups.models import Change, Job, Lock, PosterAccount
from groups.models.approvable import approvable_kinds
from groups.models.leases import Columns
from groups.models.locks import members_key
from groups.services.due import Hold, LeaseLost, Refused, Turn, run_due
from groups.services.events import Event, event_source, job_words, key_of_end, one_line
from groups.services.installation.maintenance import routine
from groups.services.jobs import queue
from groups.services.values import clients_words
from groups.services.writes.not_sent import raise_if_locked

log = logging.getLogger("groups.jobs")

Held = Criteria.Held
LATEST = timedelta(hours=6)
"""A night that could not begin for so long is left out: its work would be done amid the day."""


def accounts_due() -> list[str]:
    """Return the names of the accounts whose night has come."""
    if not settings.CRITERIA_SECONDS:
        return []
    # Tables that were saved while nights were switched off on this server.
    without = Criteria.objects.filter(nightly=True, held="", night_at=None)
    if without.exists():
        night = NIGHTS.next(timezone.now())
        without.update(night_at=night, next_at=night)
    return list(Criteria.objects.filter(nightly=True).due().values_list("account", flat=True))


def was_run_by_hand(row: Criteria) -> bool:
    """Return True if a person has run the table to its end since it was another one, and it could be read.

    Only then it runs at night. To switch the nights on or off changes nothing of the table.
    """
    of_table = Job.objects.filter(account=row.account_id, kind=KIND, wanted__table=row.fingerprint)
    for save in CriteriaSave.objects.filter(account=row.account_id).iterator():  # the latest first
        if Table.from_json(save.table).fingerprint != row.fingerprint:
            of_table = of_table.filter(created_at__gt=save.saved_at)
            break
    by_hand = of_table.filter(state=Job.State.DONE, wanted__is_night=False, wanted__has_read=True)
    return by_hand.exists()


def what_waits(row: Criteria) -> Job | ApprovalRequest | None:
    """Return what a person has to decide before a night can begin; None if there is nothing.

    It is a job that has stopped or was paused, a run or another one that holds a group of the table; or the
    request for a run.
    """
    in_the_way = Q(kind=KIND) | Q(locks__key__in=map(members_key, Table.from_json(row.table).groups))
    halted = Job.objects.filter(in_the_way, account=row.pk, state__in=Job.HALTED).defer("wanted")
    asked = ApprovalRequest.objects.waiting().filter(
        account=row.pk, kind__in=approvable_kinds, job__kind=KIND
    )
    return halted.order_by("created_at").first() or asked.first()


def what_holds(row: Criteria) -> Job | Change | None:
    """Return what a night waits for until LATEST: a job or a removal that holds a group of the table."""
    lock = Lock.objects.in_the_way(row.pk, _job_of(row).lock_keys)
    return (lock.job or lock.change) if lock else None


def _job_of(row: Criteria) -> Job:
    """Return the job of a night before anything is read for it."""
    table = Table.from_json(row.table)
    wanted = RunScope(table.fingerprint, table.groups).to_json()
    return Job(account=row.account, user_id=row.user_id, kind=KIND, wanted=wanted)


# --- One night ---------------------------------------------------------------------------------------------


@routine("criteria at night", pause=5.0, accounts=accounts_due)
def run_night(account: str) -> None:
    """Run the table of an account, if its night has come and no other worker is at it."""
    run_due(Criteria.objects.filter(nightly=True, pk=account).select_related("account"), _begin)


def _begin(turn: Turn[Criteria]) -> Columns:
    """Start the run of the night, ask for it or leave it out; return the columns that say what comes next.

    Raises what keeps a run from being read and started.
    """
    row = turn.row
    night = row.night_at or timezone.now()
    operation = uuid.uuid5(uuid.NAMESPACE_URL, f"{KIND} {row.pk} {night.isoformat()}")
    if Job.objects.filter(pk=operation).exists() or not was_run_by_hand(row):
        return _over()
    if what_waits(row):
        return _left_out(row, "a job waits for a person")
    if NIGHTS.are_at_an_hour and timezone.now() - night > LATEST:
        is_held = what_holds(row) is not None
        return _left_out(row, "something holds a group") if is_held else _over()
    table, job, credentials = Table.from_json(row.table), _job_of(row), turn.credentials
    # Checked first: a try that cannot start would read all clients for nothing.
    raise_if_locked(row.pk, job.lock_keys)
    try:
        reading = new_reading(credentials, table, looks_twice=True, needs_sales=bool(table.periods))
        read_now(reading, seconds=LONGEST_SWEEP)
    except GroupsGone:
        raise Hold(Held.GROUP_GONE) from None
    except SalesRefused:
        raise Refused(Held.NO_SALES) from None
    # No row once somebody has saved the table since the night began: the next look begins with that of then.
    if not turn.lease.row.exists():
        raise LeaseLost
    if reading.moves:
        job = runs.plan_run(reading, operation=operation, agreed=None)
        try:
            queue.start(job)
        except BeyondLimits as beyond:
            ask_for(job, credentials.user, beyond.breaches)
        log.info("The criteria of account %s move %s clients at night", row.pk, job.total)
    return _over()


def _over(**values: Any) -> Columns:
    night = NIGHTS.next(timezone.now(), after_one=True)
    return {"night_at": night, "next_at": night, **values}


def _left_out(row: Criteria, reason: str) -> Columns:
    log.warning("The criteria of account %s leave a night out: %s", row.pk, reason)
    return _over(left_out_at=timezone.now())


# --- Events ----------------------------------------------------------------------------------------------


@event_source("criteria", gettext_lazy("The criteria moved clients at night, or no longer do so"))
def find_nights(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the nights that have moved clients or stopped, were left out, or no longer take place.

    One that has moved nobody is no event. The end of its job has the same key here as among the jobs, so
    nobody is notified of it twice.
    """
    jobs = Job.objects.filter(account=account, kind=KIND, wanted__is_night=True).order_by()
    for job in jobs.filter(state=Job.State.DONE, finished_at__gt=since):
        moved = Change.objects.filter(job=job, state__in=Change.MADE).count()
        if moved and job.finished_at:
            key, text = key_of_end(job, job.finished_at), partial(moved_words, job, moved)
            yield Event(key, job.finished_at, job.get_absolute_url(), text)
    for job in jobs.filter(state=Job.State.STOPPED, stopped_at__gt=since):
        if job.stopped_at:
            key = key_of_end(job, job.stopped_at)
            yield Event(key, job.stopped_at, job.get_absolute_url(), partial(job_words, job))
    for row in Criteria.objects.filter(account=account):
        url, key = reverse("groups:criteria"), f"criteria {account.pk}"
        if row.held and row.held_at and row.held_at > since:
            yield Event(f"{key} {row.held_at.isoformat()}", row.held_at, url, partial(held_words, row))
        if row.left_out_at and row.left_out_at > since:
            waits = what_waits(row)
            # Not all readers of the notice may see the request for a run.
            stopped = waits if isinstance(waits, Job) else None
            cause, words = (stopped, left_out_words) if waits else (what_holds(row), held_up_words)
            path = cause.get_absolute_url() if cause else url
            yield Event(f"{key} {row.left_out_at.isoformat()}", row.left_out_at, path, words)


def moved_words(job: Job, moved: int) -> str:
    """Say how many clients a night has moved, out of which groups and into which."""
    words = {"clients": clients_words(moved), "groups": job.group_name, "targets": job.target_name}
    return one_line(_("At night the criteria moved %(clients)s: from %(groups)s to %(targets)s.") % words)


def held_words(row: Criteria) -> str:
    """Say that a table no longer runs at night, and why."""
    text = _("The criteria will not run at night until somebody saves them again.")
    return one_line(text, row.get_held_display())


def left_out_words() -> str:
    """Say that a night was left out, and for what."""
    return one_line(_("A night of the criteria was left out: a job of its groups waits for a person."))


def held_up_words() -> str:
    """Say that a night was left out for something that nobody had to decide."""
    return one_line(_("A night of the criteria was left out: another job or a removal held its groups."))
