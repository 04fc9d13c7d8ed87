"""Define schedules: changes of a group that a worker makes at a time, and takes back at another one."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Case, Exists, OuterRef, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.changes import Change
from groups.models.credentials import PosterAccount
from groups.models.leases import RELEASED, Columns, Due, DueQuerySet, Lease
from groups.models.locks import Lock, future_key
from groups.models.submissions import Consent, MadeByUser, Submission
from groups.poster import GroupValues

# A step that was made later than this after its time is said to be late.
LATE = timedelta(minutes=2)


class ScheduleQuerySet(DueQuerySet["Schedule"]):
    def open(self) -> "ScheduleQuerySet":
        return self.filter(state__in=Schedule.OPEN)

    def in_order(self) -> "ScheduleQuerySet":
        """Return those that need a person, then those that are open, then those that are over."""
        order = Case(
            When(state=Schedule.State.HELD, then=0), When(state__in=Schedule.OPEN, then=1), default=2
        )
        return self.order_by(order, "-starts_at", "-created_at")

    def not_begun(self, now: datetime) -> "ScheduleQuerySet":
        """Return those of which nothing was sent, and whose start no worker is making."""
        sent = Change.objects.filter(pk=OuterRef("start_id"))
        return self.free(now).filter(~Exists(sent), state=Schedule.State.PLANNED)


class Schedule(Due, MadeByUser, Consent):
    """A change of a group's percent that comes at one time and, with `ends_at`, goes at another one.

    The id is the form's `operation`. `base` are the values of the group when it was planned, which come back
    at the end, and `planned` those in between (both `GroupValues`). `start_id` and `return_id` are the ids of
    the last try of each change in the journal. One that is requested locks nothing, and waits for the request
    `request_id`. An early return is made with the rights and the token of `cancelled_by`.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("waiting for an approval")
        PLANNED = "planned", _("planned")
        ACTIVE = "active", _("in force")
        DONE = "done", _("done")
        HELD = "held", _("held")
        MISSED = "missed", _("missed")
        CANCELLED = "cancelled", _("cancelled")

    class Reason(models.TextChoices):
        CHANGED = "changed", _("The group no longer had the values that this change started from.")
        GONE = "gone", _("The group is no longer in Poster.")
        UNSAFE = "unsafe", _("Poster has a type for this group that is not known here.")
        NO_USER = "no_user", _("The person who planned it is no longer here.")
        NO_RIGHT = "no_right", _("The person who planned it may not change groups any more.")
        TOKEN = (
            "token",
            _("The token of the person who planned it is gone, no longer valid, or may not do this."),
        )
        REFUSED = "refused", _("Poster refused the values.")
        DIFFERS = "differs", _("Poster stored something other than what was sent.")
        REVIEW = "review", _("The outcome of the write could not be found out.")
        BONUS_BLOCKED = (
            "bonus_blocked",
            _("Birthday bonuses of this account come back in another unit, so none is sent."),
        )
        BEYOND_LIMITS = "beyond_limits", _("It went beyond the limits of the account by then.")
        TOO_LATE = "too_late", _("No worker ran, or Poster did not answer, until it was over.")

    OPEN = (State.PLANNED, State.ACTIVE)
    # Reasons for which a return was not sent, and that say nothing about the group: it can be made later.
    RETURNABLE = (Reason.NO_USER, Reason.NO_RIGHT, Reason.TOKEN, Reason.BONUS_BLOCKED)
    # For these a start is missed; for any other one a person has to decide.
    GIVEN_UP = (*RETURNABLE, Reason.REFUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="schedules")
    group_id = models.PositiveIntegerField()
    group_name = models.CharField(max_length=400)
    base = models.JSONField()
    planned = models.JSONField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    state = models.CharField(max_length=9, choices=State, default=State.PLANNED)
    reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="cancelled_schedules"
    )
    cancelled_by_name = models.CharField(max_length=150, blank=True)
    start_id = models.UUIDField()
    return_id = models.UUIDField()

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        default_permissions = ()
        db_table = "groups_schedule"
        indexes = (
            models.Index(fields=("account", "state", "starts_at"), name="schedule_by_account"),
            models.Index(fields=("next_at",), name="schedule_due"),
        )

    def __str__(self) -> str:
        return f"group:{self.group_id} {self.state}"

    def get_absolute_url(self) -> str:
        return reverse("groups:schedules")

    @classmethod
    def lease_time(cls) -> timedelta:
        """Return a time that is longer than any write can take."""
        return timedelta(seconds=settings.POSTER_WRITE_DEADLINE + settings.POSTER_GRACE_SECONDS)

    @property
    def sender(self) -> tuple[int | None, str]:
        return self.cancelled_by_id if self.cancelled_at else self.user_id, self.account_id

    def after_hold(self, reason: str, now: datetime) -> Columns:
        is_missed = self.state == self.State.PLANNED and reason in self.GIVEN_UP
        state = self.State.MISSED if is_missed else self.State.HELD
        return {"state": state, "reason": reason, "ended_at": now, "next_at": None}

    def release(self, lease: Lease["Schedule"], **columns: Any) -> None:
        """Store the end of a step, and release the lock of a schedule that has ended with it."""
        with transaction.atomic():
            if self.store(lease, **RELEASED, **columns) and not self.is_open:
                Lock.objects.filter(feature="schedules", row_id=self.pk).delete()

    def store(self, lease: Lease["Schedule"] | None = None, **columns: Any) -> bool:
        """Update the row unless another process has moved it on, and read it.

        A cancellation that is not known here yet keeps a change without an end from being done.
        """
        rows = lease.row if lease else Schedule.objects.filter(pk=self.pk)
        # The id of the return separates one that is held from one that was taken up since, and is held again.
        rows = rows.filter(state=self.state, return_id=self.return_id)
        if columns.get("state") == self.State.DONE and not self.returns:
            rows = rows.filter(cancelled_at=None)
        stored = bool(rows.update(**columns))
        self.refresh_from_db()
        return stored

    @property
    def submission(self) -> Submission:
        planned = self.planned_values
        values = (self.group_id, planned.percent, planned.birthday_bonus, self.starts_at, self.ends_at)
        return Submission(self.pk, self.account_id, self.user_id, "schedule", values)

    @property
    def base_values(self) -> GroupValues:
        return GroupValues.from_json(self.base)

    @property
    def planned_values(self) -> GroupValues:
        return GroupValues.from_json(self.planned)

    @property
    def expected_values(self) -> GroupValues:
        """The values with which alone the next step is sent."""
        return self.planned_values if self.state == self.State.ACTIVE else self.base_values

    @property
    def lock_keys(self) -> frozenset[str]:
        """The lock that allows no second schedule, and no removal of the group."""
        return frozenset((future_key(self.group_id),))

    def take_locks(self) -> None:
        """Raises `IntegrityError` as `Lock.objects` does."""
        Lock.objects.take(self.account_id, self.lock_keys, feature="schedules", row_id=self.pk)

    @property
    def is_over(self) -> bool:
        return not self.is_open

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def returns(self) -> bool:
        """Return True if the old values come back once the change is in force."""
        return self.ends_at is not None or self.cancelled_at is not None

    @property
    def can_be_returned(self) -> bool:
        """Return True if it was held in force, and a user can still end it."""
        return self.state == self.State.HELD and self.began_at is not None and self.reason in self.RETURNABLE

    @property
    def began_late(self) -> bool:
        due = max(self.starts_at, self.created_at)
        return self.began_at is not None and self.began_at - due > LATE

    @property
    def ended_late(self) -> bool:
        is_done = self.state == self.State.DONE
        return bool(is_done and self.ended_at and self.ends_at and self.ended_at - self.ends_at > LATE)
