"""Define locks: the groups and clients that a change, a job or a schedule has reserved."""

import uuid
from collections.abc import Iterable
from typing import Protocol

from django.db import models
from django.db.models import Q

from groups.models.credentials import PosterAccount
from groups.poster.fields import fold

LONGEST_KEY = 400


class Holder(Protocol):
    """A row that holds locks, and whose page tells more about it."""

    @property
    def pk(self) -> uuid.UUID: ...

    def get_absolute_url(self) -> str: ...


class LocksLost(Exception):
    """A job no longer holds its locks, so no further change of it may be recorded."""


def members_key(group_id: int) -> str:
    """Return the lock key of the members of a group."""
    return f"members:{group_id}"


def group_key(group_id: int | None) -> str:
    """Return the lock key of a group."""
    return f"group:{group_id}"


def creation_key(name: str) -> str:
    """Return the lock key of the creation of a group with this name."""
    return f"create:{fold(name)}"[:LONGEST_KEY]


def schedule_key(group_id: int) -> str:
    """Return the lock key of the planned change of a group."""
    return f"schedule:{group_id}"


class LockQuerySet(models.QuerySet["Lock"]):
    """Locks. The keys of a change, job or schedule are taken all at once or not at all."""

    def take(self, account_id: str, keys: Iterable[str], **owner: uuid.UUID) -> None:
        """Take the keys for a `change_id`, a `job_id` or a `schedule_id`.

        Raises `IntegrityError` if another one holds one of them.
        """
        # Insert in a fixed order: otherwise two transactions with the same keys could deadlock on PostgreSQL.
        self.bulk_create(Lock(account_id=account_id, key=key, **owner) for key in sorted(keys))

    def held_by(self, job_id: uuid.UUID) -> set[str]:
        """Return the keys that a job holds, and lock these rows until the transaction ends.

        Recording a change of a job, settling one, and ending the job all call this first. So they run one
        after the other, and each sees the result of the one before. A job without locks makes nothing wait.
        """
        rows = self.select_for_update().filter(job=job_id).order_by("key")
        return set(rows.values_list("key", flat=True))

    def in_the_way(
        self, account_id: str, keys: Iterable[str], *, of: Iterable[uuid.UUID | None] = ()
    ) -> "Lock | None":
        """Return a lock on one of the keys, with its change, job or schedule, or None.

        Locks of the changes, jobs and schedules with the ids in `of` are ignored.
        """
        rows = self.filter(account=account_id, key__in=keys).order_by("pk")
        # Mostly there are none, and to ask for whole rows of all three takes Django four times as long.
        if not rows.exists():
            return None
        found = rows.select_related("change", "job", "schedule")
        mine = set(of) - {None}
        return next((lock for lock in found if lock.holder.pk not in mine), None)


class Lock(models.Model):
    """A lock key that one change, job or schedule has reserved, for all processes.

    Changes, jobs and schedules list their `lock_keys` and take all of them with one insert, in the
    transaction that records them. If two try at the same moment, the unique constraint lets only one succeed.

    Keys: `group:5` is the group itself, `members:5` its membership, `schedule:5` its planned change,
    `client:9` a client, `enrol:9` the creation of a client anew, `create:…` the name of a new group.

    A lock is deleted in the transaction that settles its change, or that ends its schedule, or that ends its
    job and settles the job's last open change. The locks of a killed process stay until its changes are
    settled.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="locks", db_index=False)
    key = models.CharField(max_length=LONGEST_KEY)
    change = models.ForeignKey("Change", null=True, on_delete=models.PROTECT, related_name="locks")
    job = models.ForeignKey("Job", null=True, on_delete=models.PROTECT, related_name="locks")
    schedule = models.ForeignKey("Schedule", null=True, on_delete=models.PROTECT, related_name="locks")

    objects = LockQuerySet.as_manager()

    class Meta:
        verbose_name = "lock"
        verbose_name_plural = "locks"
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "key"), name="one_lock_a_key"),
            models.CheckConstraint(
                condition=(
                    Q(change__isnull=False, job__isnull=True, schedule__isnull=True)
                    | Q(change__isnull=True, job__isnull=False, schedule__isnull=True)
                    | Q(change__isnull=True, job__isnull=True, schedule__isnull=False)
                ),
                name="lock_of_one_owner",
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def holder(self) -> Holder:
        """The change, job or schedule that holds the lock: the database knows exactly one."""
        holder = self.change or self.job or self.schedule
        if holder is None:
            raise ValueError("This lock has no holder.")
        return holder
