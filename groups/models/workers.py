"""Define the heartbeats of the workers, by which pages and `/readyz` know whether one runs."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

SILENCE = timedelta(minutes=1)
"""Time after its last heartbeat for which a worker still counts as running."""
KEPT = timedelta(hours=1)


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    """Heartbeats, one row for each worker process."""

    def alive(self) -> "WorkerHeartbeatQuerySet":
        return self.filter(seen_at__gt=timezone.now() - SILENCE)

    def beat(self, worker_id: str) -> bool:
        """Store that this worker runs; return True if it is the first heartbeat.

        The first heartbeat deletes those of workers that ended long ago.
        """
        now = timezone.now()
        if self.filter(pk=worker_id).update(seen_at=now):
            return False
        self.filter(seen_at__lte=now - KEPT).delete()
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
