"""Define the heartbeats of the workers, by which pages and `/readyz` know whether one runs.

A worker that runs without a feature stores that too, so that the feature can tell later that it was switched
off from that no worker ran.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from poster_admin.common.deadlines import is_ahead, past, recent

SILENCE = timedelta(minutes=1)
"""Time after its last heartbeat for which a worker still counts as running."""
KEPT = timedelta(hours=1)


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    """Heartbeats, one row for each worker process."""

    def alive(self) -> "WorkerHeartbeatQuerySet":
        """Return the heartbeats of the last minute."""
        return self.filter(recent("seen_at", age=SILENCE))

    def beat(self, worker_id: str) -> bool:
        """Store that this worker runs; return True if it is the first heartbeat.

        The first heartbeat deletes those of workers that ended long ago.
        """
        now = timezone.now()
        if self.filter(pk=worker_id).update(seen_at=now):
            return False
        self.filter(past("seen_at", age=KEPT)).delete()
        self.create(pk=worker_id, seen_at=now)
        return True


class WorkerHeartbeat(models.Model):
    """The last sign of life of one worker process. The id is also in the tasks that it has run."""

    worker_id = models.CharField(max_length=64, primary_key=True)
    seen_at = models.DateTimeField()

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = "heartbeat of a worker"
        verbose_name_plural = "heartbeats of workers"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.worker_id} {self.seen_at}"


class LeftOutFeatureQuerySet(models.QuerySet["LeftOutFeature"]):
    """Features without which workers have run."""

    def beat(self, features: Iterable[str]) -> None:
        """Store that a worker runs without these features."""
        for feature in features:
            self.update_or_create(pk=feature, defaults={"seen_at": timezone.now()})

    def was_left_out(self, feature: str, *, since: datetime) -> bool:
        """Return True if a worker has run without this feature at that time or later."""
        row = self.filter(pk=feature, seen_at__gte=since).first()
        return row is not None and not is_ahead(row.seen_at)


class LeftOutFeature(models.Model):
    """A feature that FEATURES_OFF has named, and the last time at which a worker ran without it."""

    feature = models.CharField(max_length=40, primary_key=True)
    seen_at = models.DateTimeField()

    objects = LeftOutFeatureQuerySet.as_manager()

    class Meta:
        verbose_name = "feature that was left out"
        verbose_name_plural = "features that were left out"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.feature} {self.seen_at}"
