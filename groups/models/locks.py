"""Define locks: the groups and clients that a change, a job or a row of a feature has reserved."""

import uuid
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from django.db import models
from django.db.models import Q

from groups.models.credentials import IdsFirst, PosterAccount
from groups.poster.fields import fold

LONGEST_KEY = 400


class Holder(Protocol):
    @property
    def pk(self) -> uuid.UUID: ...

    def get_absolute_url(self) -> str: ...


class LocksLost(Exception):
    """A job no longer holds its locks, or has ended, so no further change of it may be recorded."""


def members_key(group_id: int) -> str:
    return f"members:{group_id}"


def group_key(group_id: int | None) -> str:
    return f"group:{group_id}"


def creation_key(name: str) -> str:
    return f"create:{fold(name)}"[:LONGEST_KEY]


def future_key(group_id: int) -> str:
    """The future of a group: its removal, and plans for it."""
    return f"schedule:{group_id}"


holder_finders: dict[str, Callable[[uuid.UUID], Holder]] = {}
"""The function that finds a row by its id, by the label of the feature whose rows hold locks."""


class LockQuerySet(models.QuerySet["Lock"]):
    def take(self, account_id: str, keys: Iterable[str], **holder: uuid.UUID | str) -> None:
        """Take all keys or none for a `change_id`, a `job_id`, or a `row_id`: raises `IntegrityError`."""
        # Insert in a fixed order: otherwise two transactions with the same keys could deadlock on PostgreSQL.
        self.bulk_create(Lock(account_id=account_id, key=key, **holder) for key in sorted(keys))

    def held_by(self, job_id: uuid.UUID) -> set[str]:
        """Return the keys that a job holds, and lock these rows until the transaction ends.

        Recording a change of a job, settling one, and ending the job all call this first, so each sees the
        result of the one before. A job without locks makes nothing wait here.
        """
        rows = self.select_for_update().filter(job=job_id).order_by("key")
        return set(rows.values_list("key", flat=True))

    def in_the_way(
        self, account_id: str, keys: Collection[str], *, of: Iterable[uuid.UUID | None] = ()
    ) -> "Lock | None":
        with_holders = IdsFirst(self.select_related("change", "job").order_by("pk"))
        found, mine = with_holders.find(account=account_id, key__in=keys), set(of)
        others = (lock for lock in found if (lock.job_id or lock.change_id or lock.row_id) not in mine)
        return next(others, None)


class Lock(models.Model):
    """A lock key that one change, job or row of a feature has reserved, for all processes.

    Holders take all of their `lock_keys` with one insert, in the transaction that records them. If two try at
    the same moment, the unique constraint lets only one succeed. A lock is deleted in the transaction that
    settles its change, or that ends the row of its feature, or that ends its job and settles the job's last
    open change.

    Keys: `group:5` is the group itself, `members:5` its membership, `schedule:5` its future, `client:9` a
    client, `enrol:9` the second creation of a client, `create:…` the name of a new group. `feature` is the
    label of an app, and `row_id` the id of a row there.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="locks", db_index=False)
    key = models.CharField(max_length=LONGEST_KEY)
    change = models.ForeignKey("Change", null=True, on_delete=models.PROTECT, related_name="locks")
    job = models.ForeignKey("Job", null=True, on_delete=models.PROTECT, related_name="locks")
    feature = models.CharField(max_length=40, blank=True, default="")
    row_id = models.UUIDField(null=True)

    objects = LockQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "key"), name="one_lock_a_key"),
            models.CheckConstraint(
                condition=(
                    Q(change__isnull=False, job__isnull=True, row_id__isnull=True, feature="")
                    | Q(change__isnull=True, job__isnull=False, row_id__isnull=True, feature="")
                    | (Q(change__isnull=True, job__isnull=True, row_id__isnull=False) & ~Q(feature=""))
                ),
                name="lock_of_one_owner",
            ),
        )

    def __str__(self) -> str:
        return self.key

    @property
    def holder(self) -> Holder:
        if holder := self.change or self.job:
            return holder
        if self.row_id is None:
            raise ValueError("This lock has no holder.")
        return holder_finders[self.feature](self.row_id)
