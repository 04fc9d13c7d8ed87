"""Define snapshots: copies of a group and its clients from before they were moved or removed."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from groups.models import Job, PosterAccount
from groups.poster import Group
from poster_admin.common.encryption import EncryptedField


class Snapshot(models.Model):
    """An encrypted copy of a group and its clients as read from Poster, kept for SNAPSHOT_DAYS.

    `group` holds a `Group`, see `content`. `complete` is False while the snapshot is being taken, and stays
    so if that was aborted. The snapshot of a removal without a job has the same id as its change.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="snapshots")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="snapshots")
    user_name = models.CharField(max_length=150)
    group_id = models.PositiveIntegerField()
    group_name = models.CharField(max_length=400)
    group = models.JSONField()
    clients = models.PositiveIntegerField(default=0)
    complete = models.BooleanField(default=False)
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "groups_snapshot"
        ordering = ("-taken_at",)
        default_permissions = ()
        indexes = (models.Index(fields=("account", "-taken_at"), name="snapshot_by_account"),)

    def __str__(self) -> str:
        return f"{self.group_id} {self.taken_at:%F %T}"

    @property
    def content(self) -> Group:
        return Group.from_json(self.group)

    @property
    def kept_until(self) -> datetime:
        return self.taken_at + timedelta(days=settings.SNAPSHOT_DAYS)


class SnapshotPart(models.Model):
    """A part of a snapshot's clients: a JSON list of their rows, unchanged as Poster sent them."""

    # Filter for the key check at start: the first part of a snapshot has its oldest key.
    LOOKED_AT: ClassVar[dict[str, Any]] = {"number": 0}

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = EncryptedField()

    class Meta:
        db_table = "groups_snapshotpart"
        ordering = ("number",)
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("snapshot", "number"), name="one_part_a_number"),)

    def __str__(self) -> str:
        return f"{self.snapshot_id} {self.number}"
