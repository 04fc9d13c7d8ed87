"""Define jobs: work with many writes, done by a worker; another worker can take it over."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.credentials import PosterAccount
from groups.models.leases import Leased, LeasedQuerySet
from groups.models.locks import Lock
from groups.models.submissions import Consent, MadeByUser, Submission


def lease_time() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


class JobQuerySet(LeasedQuerySet["Job"]):
    def of_group(self, group_id: int) -> "JobQuerySet":
        """Find the jobs that have moved clients into a group or out of it, or may still do so."""
        moved = MovedClients.objects.filter(Q(from_id=group_id) | Q(to_id=group_id)).values("job")
        may_move = Q(group_id=group_id) | Q(target_id=group_id)
        return self.filter(Q(pk__in=moved) | may_move & Q(state__in=Job.UNFINISHED))

    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=Job.UNFINISHED)

    def due(self) -> "JobQuerySet":
        waits = Q(next_try_at=None) | Q(next_try_at__lte=timezone.now())
        return self.free().filter(waits, state__in=Job.ACTIVE)


class Job(Leased, MadeByUser, Consent):
    """A request of a user that needs many writes; each write is a row of the journal, which has the outcomes.

    `kind` names a `JobKind`. `wanted` holds the parameters other than the two groups, in the shape that is
    defined next to that class. `undo_of` is the job that an undo takes back.

    `unreadable` counts the parts that were left out without a try: clients that could not be read or have
    left their group, and changes that an undo leaves as they are. `tested` is True once a first write had no
    side effect, or a user has accepted one: see `is_accepted` in the executor. `reason` (a `Stop`) and
    `detail` say why the job stopped, or what it waited for last. A draft is deleted after a day.

    A job that cannot go on for now, as while Poster is away, gives its worker back until `next_try_at`.
    `waits` counts how often it has done so since `waiting_since` without getting on.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("not started")
        REQUESTED = "requested", _("waiting for an approval")
        WAITING = "waiting", _("waiting for its turn")
        RUNNING = "running", _("at work")
        PAUSED = "paused", _("paused")
        STOPPED = "stopped", _("stopped")
        DONE = "done", _("ended")
        CANCELLED = "cancelled", _("cancelled")

    class Stop(models.TextChoices):
        """Why a job has stopped on its own. The labels are sentences for people."""

        SIDE_EFFECT = "side_effect", _("The first write changed more than it should have.")
        REFUSED = "refused", _("Poster refused what was requested.")
        TOKEN = "token", _("Its user's token is gone, no longer valid, or may not do this.")
        NO_USER = "no_user", _("Its user is no longer here.")
        NO_RIGHT = "no_right", _("Its user may not do this any more.")
        BEYOND_LIMITS = (
            "beyond_limits",
            _("More would go beyond the limits of the account, so nothing more was sent."),
        )
        NOT_RECORDED = "not_recorded", _("The history could not be written, so nothing more was sent.")
        SOURCE_GONE = (
            "source_gone",
            _(
                "The group is no longer in Poster, and the clients who were still in it are gone with it. "
                "Clients moved before: %(detail)s."
            ),
        )
        TARGET_GONE = "target_gone", _("The group to which the clients go is no longer there.")
        DIFFERS = "differs", _("Poster stored something other than what was sent in the first group.")
        SNAPSHOT_GONE = "snapshot_gone", _("The snapshot is no longer there: it was kept for its time.")
        SNAPSHOT_UNREADABLE = (
            "snapshot_unreadable",
            _("None of the keys of this server opens the snapshot."),
        )
        GROUP_NOT_CREATED = (
            "group_not_created",
            _("The group could not be created, so nobody was brought back."),
        )
        LOCKED = "locked", _("A change of one of the groups has no outcome yet.")
        CHANGED = "changed", _("What it was started for has been changed since, so nothing more was sent.")
        LOCKS_LOST = (
            "locks_lost",
            _("Another bulk change or a removal has one of its groups, so nothing more was sent."),
        )
        BONUS_BLOCKED = (
            "bonus_blocked",
            _("Birthday bonuses of this account come back in another unit, so none is sent."),
        )
        UNREACHABLE = "unreachable", _("Poster has not answered for a quarter of an hour.")
        STALE = "stale", _("Poster has not shown the last change made here for a quarter of an hour.")
        UNREADABLE_ROW = (
            "unreadable_row",
            _("Poster gave a client or a group in a form that could not be read."),
        )
        UNKNOWN = "unknown", _("The outcome of some writes could not be found out.")
        NOT_EMPTY = (
            "not_empty",
            _("Some clients could not be moved, so the group was not removed. Left in it: %(detail)s."),
        )
        NOT_REMOVED = "not_removed", _("Everybody was moved, but the group itself was not removed.")
        ERROR = "error", _("Something went wrong here, not in Poster.")

    NOT_STARTED = (State.DRAFT, State.REQUESTED)
    ACTIVE = (State.WAITING, State.RUNNING)
    # A user may let it go on.
    HALTED = (State.PAUSED, State.STOPPED)
    UNFINISHED = (*ACTIVE, *HALTED)
    ENDED = (State.DONE, State.CANCELLED)

    # The kinds that this process knows, each a `JobKind`; `groups.services.jobs.kinds.register` adds one.
    registered: ClassVar[dict[str, type[Any]]] = {}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="jobs")
    kind = models.CharField(max_length=20)
    group_id = models.PositiveIntegerField(null=True)
    group_name = models.CharField(max_length=400, blank=True)
    target_id = models.PositiveIntegerField(null=True)
    target_name = models.CharField(max_length=400, blank=True)
    wanted = models.JSONField(default=dict)
    undo_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="undone_by")
    total = models.PositiveIntegerField(default=0)
    unreadable = models.PositiveIntegerField(default=0)
    tested = models.BooleanField(default=False)

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # The last time that it stopped on its own.
    stopped_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    waits = models.PositiveIntegerField(default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        default_permissions = ()
        indexes = (
            models.Index(fields=("account", "-created_at"), name="job_by_account"),
            models.Index(fields=("state", "held_until"), name="job_open"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.group_id} {self.state}"

    def get_absolute_url(self) -> str:
        return reverse("groups:job", args=[self.pk])

    @property
    def submission(self) -> Submission:
        kind = self.registered[self.kind](self)
        user_id = None if kind.is_shared else self.user_id
        return Submission(self.pk, self.account_id, user_id, self.kind, kind.form_values)

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def is_over(self) -> bool:
        return self.state in self.ENDED

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def stop(self) -> Stop:
        """An error where this version does not know the reason."""
        return self.Stop(self.reason) if self.reason in self.Stop.values else self.Stop.ERROR

    @property
    def stop_words(self) -> str:
        return str(self.stop.label) % {"detail": self.detail or "–"}

    @property
    def lock_keys(self) -> frozenset[str]:
        keys: frozenset[str] = self.registered[self.kind](self).lock_keys
        return keys

    def take_locks(self) -> None:
        """Raises `IntegrityError`."""
        missing = self.lock_keys - Lock.objects.held_by(self.pk)
        Lock.objects.take(self.account_id, missing, job_id=self.pk)

    def move_on(self, *states: "Job.State", **values: Any) -> bool:
        """Update the job if it is still in one of these states; return True if it was."""
        if not Job.objects.filter(pk=self.pk, state__in=states).update(**values):
            self.refresh_from_db()
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True


class MovedClients(models.Model):
    """Clients that a job has moved, counted in the journal as it ended; `from_id` is None for new ones."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="moved")
    from_id = models.PositiveIntegerField(null=True, db_index=True)
    to_id = models.PositiveIntegerField(db_index=True)
    clients = models.PositiveIntegerField()

    class Meta:
        ordering = ("-clients",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.from_id} → {self.to_id}: {self.clients}"
