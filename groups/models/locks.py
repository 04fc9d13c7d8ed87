"""The one lock: which groups and clients a change or a job has for itself."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from groups.models.credentials import PosterAccount

if TYPE_CHECKING:
    from groups.models.changes import Change
    from groups.models.jobs import Job

LONGEST_KEY = 400


class LocksLost(Exception):
    """A job holds no longer what it locks: nothing more may be written down for it."""


def members_key(group_id: int) -> str:
    """Return the key of who is in a group."""
    return f"members:{group_id}"


class LockQuerySet(models.QuerySet["Lock"]):
    """Locks: taken all at once or not at all."""

    def take(self, account_id: str, keys: Iterable[str], *, change: "Change") -> None:
        """Take the keys for a change. Raises `IntegrityError` where somebody else holds one of them."""
        self._insert_all(Lock(account_id=account_id, key=key, change=change) for key in keys)

    def take_for(self, job: "Job") -> None:
        """Take what a job locks and does not hold yet. Raises `IntegrityError` as `take` does."""
        missing = job.lock_keys - self.held_by(job.pk)
        self._insert_all(Lock(account_id=job.account_id, key=key, job=job) for key in missing)

    def held_by(self, job_id: uuid.UUID) -> set[str]:
        """Return the keys that a job holds, and keep them from changing until this transaction is over.

        Writing down or settling a change of a job, and ending the job, begin with this: so they happen one
        after the other, and each sees what the one before has done. Nobody waits where a job locks nothing.
        """
        rows = self.select_for_update().filter(job=job_id).order_by("key")
        return set(rows.values_list("key", flat=True))

    def in_the_way(
        self, account_id: str, keys: Iterable[str], *, of: Iterable[uuid.UUID | None] = ()
    ) -> "Lock | None":
        """Return a lock on one of the keys, with its change or job; or None where it is `of` one of these."""
        found = self.filter(account=account_id, key__in=keys).select_related("change", "job").order_by("pk")
        return next((lock for lock in found if (lock.job_id or lock.change_id) not in set(of)), None)

    def _insert_all(self, locks: "Iterable[Lock]") -> None:
        # In one order: on PostgreSQL two who want the same keys would else wait for each other.
        self.bulk_create(sorted(locks, key=lambda lock: lock.key))


class Lock(models.Model):
    """A key that one change or one job has for itself, in every process.

    Both name their `lock_keys` and take all of them by one insert, in the transaction that writes them down:
    the unique constraint decides between two at the same moment. `group:5` is the group itself, `members:5`
    who is in it, `client:9` a client, `create:…` a name. A lock goes in the transaction that settles its
    change, or that ends its job and the last open change of it; a killed process leaves its locks, and they
    go as its rows are settled.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="locks", db_index=False)
    key = models.CharField(max_length=LONGEST_KEY)
    change = models.ForeignKey("Change", null=True, on_delete=models.PROTECT, related_name="locks")
    job = models.ForeignKey("Job", null=True, on_delete=models.PROTECT, related_name="locks")

    objects = LockQuerySet.as_manager()

    class Meta:
        verbose_name = "lock"
        verbose_name_plural = "locks"
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "key"), name="one_lock_a_key"),
            models.CheckConstraint(
                condition=Q(change__isnull=True) ^ Q(job__isnull=True), name="lock_of_a_change_or_a_job"
            ),
        )

    def __str__(self) -> str:
        return self.key
