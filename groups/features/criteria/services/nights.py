"""Run the tables that are for every night: a worker does, once a night whatever dies.

The id of a night's job follows from the account and the night, so a worker that takes over from a killed one
finds what that has started. A night that nobody could begin in time is left out, as one is through which this
feature was switched off.
"""

import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services.approvals import ask_for
from groups.features.approvals.services.limits import BeyondLimits
from groups.features.criteria.models import KIND, LONGEST_NIGHT, Criteria, CriteriaSave
from groups.features.criteria.services import runs
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.night_times import next_night, pause
from groups.features.criteria.services.reading import GroupsGone, new_reading, read_now
from groups.features.criteria.services.run_plan import RunScope
from groups.features.criteria.services.runs import Run, TooManyMoves
from groups.features.criteria.services.tables import SavedTable
from groups.features.insights.services.sweep import LONGEST_SWEEP
from groups.models import Job, LeftOutFeature, PosterCredentials
from groups.models.leases import RELEASED, Lease
from groups.poster import NotAllowed, PosterError, TokenRejected
from groups.services.jobs import queue
from groups.services.writes.not_sent import NotSent, raise_if_locked
from poster_admin.common.deadlines import past
from poster_admin.common.nights import DAY

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger("groups.jobs")

Held = Criteria.Held
LATEST = timedelta(hours=6)
"""A night that could not begin for so long is left out: its work would be done amid the day."""
RETRY = timedelta(minutes=5)


def accounts_due() -> list[str]:
    """Return the names of the accounts whose night has come."""
    if not settings.CRITERIA_SECONDS:
        return []
    return list(Criteria.objects.free().filter(_is_time()).values_list("account", flat=True))


def _is_time() -> Q:
    return past("next_look_at", ahead=pause() + DAY) & Q(nightly=True, held="")


def run_night(account: str) -> None:
    """Run the table of an account, if its night has come and no other worker is at it."""
    lease = Criteria.objects.filter(_is_time()).take(account, LONGEST_NIGHT)
    if lease is None:
        return
    row = Criteria.objects.select_related("account").get(pk=account)
    try:
        _Night(row, lease).run()
    finally:
        lease.release()


def was_run_by_hand(row: Criteria) -> bool:
    """Return True if a person has run the table to its end since it was another one.

    Only then it runs at night. To switch the nights on or off changes nothing of the table.
    """
    of_table = Job.objects.filter(account=row.account_id, kind=KIND, wanted__table=row.fingerprint)
    for save in CriteriaSave.objects.filter(account=row.account_id).iterator():  # the latest first
        if Table.from_json(save.table).fingerprint != row.fingerprint:
            of_table = of_table.filter(created_at__gt=save.saved_at)
            break
    return of_table.filter(state=Job.State.DONE, wanted__is_night=False).exists()


class _Night:
    """One night of an account, under a lease."""

    def __init__(self, row: Criteria, lease: Lease[Criteria]) -> None:
        self._row = row
        self._lease = lease
        self._night = row.night_at or timezone.now()

    def run(self) -> None:
        operation = uuid.uuid5(uuid.NAMESPACE_URL, f"{KIND} {self._row.pk} {self._night.isoformat()}")
        is_started = Job.objects.filter(pk=operation).exists()
        if is_started or self._is_missed() or self._is_asked_for() or not was_run_by_hand(self._row):
            self._finish()
        elif (sender := self._sender()) is not None:
            self._start(operation, *sender)

    def _is_missed(self) -> bool:
        if pause() % DAY:
            return False
        is_late = timezone.now() - self._night > LATEST
        return is_late or LeftOutFeature.objects.was_left_out(KIND, since=self._night)

    def _is_asked_for(self) -> bool:
        """Return True if the run of an earlier night still waits for a yes."""
        waiting = ApprovalRequest.objects.waiting()
        return waiting.filter(account=self._row.pk, job__kind=KIND).exists()

    def _sender(self) -> "tuple[User, PosterCredentials] | None":
        """Return the user who saved the table, and the token; without them, or a right, hold the nights."""
        user = get_user_model().objects.filter(pk=self._row.user_id or 0, is_active=True).first()
        if user is None:
            self._hold(Held.NO_USER)
            return None
        found = PosterCredentials.objects.select_related("account", "user").filter(user=user)
        credentials = found.filter(account=self._row.pk, refused_at=None).first()
        if credentials is None:
            self._hold(Held.TOKEN)
            return None
        if not user.has_perms(Run.permissions):
            self._hold(Held.NO_RIGHT)
            return None
        return user, credentials

    def _start(self, operation: uuid.UUID, user: "User", credentials: PosterCredentials) -> None:
        """Read, and start the job or ask for it; hold the nights where a person has to do something."""
        try:
            table = SavedTable.of(self._row).table
            self._check_locks(table)
            reading = new_reading(credentials, table, looks_twice=True)
            read_now(reading, seconds=LONGEST_SWEEP)
            if not self._is_saved_still():
                return  # the next look begins with the table of then
            if not reading.sums.may_see_sales and reading.table.periods:
                self._hold(Held.NO_SALES)
            elif not reading.moves:
                self._finish()
            else:
                job = runs.plan_run(
                    user=user, credentials=credentials, operation=operation, reading=reading, is_night=True
                )
                self._queue(job, user)
        except GroupsGone:
            self._hold(Held.GROUP_GONE)
        except (TokenRejected, NotAllowed):
            self._hold(Held.TOKEN)
        except (NotSent, PosterError) as error:
            self._try_again(type(error).__name__)

    def _queue(self, job: Job, user: "User") -> None:
        try:
            queue.start(job)
        except BeyondLimits as beyond:
            ask_for(job, user, beyond.breaches)
        except TooManyMoves:
            self._hold(Held.TOO_MANY)
            return
        log.info("The criteria of account %s move %s clients at night", self._row.pk, job.total)
        self._finish()

    def _check_locks(self, table: Table) -> None:
        """Raise `Locked` before all clients are read in vain, if something holds a group of the table."""
        scope = RunScope(table.fingerprint, table.groups)
        job = Job(account_id=self._row.pk, kind=KIND, wanted=scope.to_json())
        raise_if_locked(self._row.pk, Run(job).lock_keys)

    def _is_saved_still(self) -> bool:
        """Return True if nobody has saved the table, and no other worker taken the night, since it began."""
        return self._lease.row.filter(saved_at=self._row.saved_at).exists()

    # --- The end of a night --------------------------------------------------------------------------------

    def _finish(self) -> None:
        night = next_night(timezone.now(), after_one=True)
        self._store(night_at=night, next_look_at=night)

    def _try_again(self, why: str) -> None:
        log.info("The criteria of account %s wait: %s", self._row.pk, why)
        self._store(next_look_at=timezone.now() + min(RETRY, pause()))

    def _hold(self, reason: Criteria.Held) -> None:
        log.warning("The criteria of account %s run no more at night: %s", self._row.pk, reason)
        self._store(held=reason, held_at=timezone.now(), night_at=None, next_look_at=None)

    def _store(self, **values: object) -> None:
        """Store the end, unless the lease is lost or somebody has saved the table meanwhile."""
        self._lease.row.filter(saved_at=self._row.saved_at).update(**RELEASED, **values)
